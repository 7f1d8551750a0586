// Measures what a reader sees; its last expression is the result.
(() => {
  const shown = (element) => {
    const box = element.getBoundingClientRect();
    return (box.width > 0 || box.height > 0) && getComputedStyle(element).visibility !== 'hidden';
  };
  const drawn = (svg) => shown(svg) && svg.getBoundingClientRect().width > 0;
  const width = document.documentElement.clientWidth;
  const name = (element) => (element.textContent || element.className.baseVal || element.className || element.tagName).trim().slice(0, 60);

  const plots = [...document.querySelectorAll('figure svg')].filter(drawn).map((svg) => {
    const frame = svg.getBoundingClientRect();
    const texts = [...svg.querySelectorAll('text')].filter((text) => text.textContent.trim() !== '');
    const boxes = texts.map((text) => ({ text: text.textContent, box: text.getBoundingClientRect() }));
    const out = ({ box }) =>
      box.left < frame.left - 1 || box.right > frame.right + 1 || box.top < frame.top - 1 || box.bottom > frame.bottom + 1;
    const overlap = (one, other) =>
      one.left + 1 < other.right && other.left + 1 < one.right && one.top + 2 < other.bottom && other.top + 2 < one.bottom;
    const overlaps = [];
    boxes.forEach((one, position) =>
      boxes.slice(position + 1).forEach((other) => {
        if (overlap(one.box, other.box)) overlaps.push(`${one.text} / ${other.text}`);
      }),
    );
    const decisions = [...svg.querySelectorAll('.marker.decision line')].map((line) => line.getBoundingClientRect());
    return {
      title: svg.getAttribute('aria-label') ?? '',
      width: frame.width,
      height: frame.height,
      marks: [...svg.querySelectorAll('path, circle, rect')].filter(shown).length,
      cut: boxes.filter(out).map(({ text }) => text),
      overlaps,
      smallest_text: Math.min(99, ...texts.map((text) => parseFloat(getComputedStyle(text).fontSize) * (svg.getScreenCTM()?.a ?? 1))),
      decisions: decisions.length,
      decisions_inside: decisions.filter((box) => box.left >= Math.max(0, frame.left) && box.right <= Math.min(width, frame.right) && box.height > 40).length,
      empty: svg.querySelector('.nothing') !== null,
    };
  });

  // Whatever stands out of the window at the side, or out of a box that hides what does.
  const beyond = [...document.querySelectorAll('main *')]
    .filter((element) => !element.closest('svg') && !element.closest('details:not([open]) > :not(summary)') && shown(element))
    .filter((element) => {
      const box = element.getBoundingClientRect();
      if (box.right > width + 0.5 || box.left < -0.5) return true;
      const holder = element.closest('.card, .plot, .verdict, .figures > div');
      return holder !== null && box.right > holder.getBoundingClientRect().right + 0.5;
    })
    .map(name);

  // Every value and threshold of a check, whole and visible.
  const hidden_values = [...document.querySelectorAll('table.checks td.value, table.checks td.what, table.checks td.result, .figures dd, .models dd')]
    .filter((cell) => {
      const box = cell.getBoundingClientRect();
      return !shown(cell) || box.width < 24 || box.left < 0 || box.right > width + 0.5 || cell.scrollWidth > cell.clientWidth + 1;
    })
    .map(name);

  // Contrast of text against what is really behind it.
  const canvas = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
  const rgba = (colour) => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = colour;
    canvas.fillRect(0, 0, 1, 1);
    const [r, g, b, a] = canvas.getImageData(0, 0, 1, 1).data;
    return [r, g, b, a / 255];
  };
  const over = (top, under) => [0, 1, 2].map((at) => top[at] * top[3] + under[at] * (1 - top[3])).concat(1);
  const ground = (element) => {
    const layers = [];
    for (let at = element; at; at = at.parentElement) layers.unshift(rgba(getComputedStyle(at).backgroundColor));
    const base = matchMedia('print').matches ? [255, 255, 255, 1] : rgba(getComputedStyle(document.body).backgroundColor);
    return layers.reduce((under, top) => over(top, under), base);
  };
  const light = ([r, g, b]) => {
    const part = (value) => ((value /= 255) <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4);
    return 0.2126 * part(r) + 0.7152 * part(g) + 0.0722 * part(b);
  };
  const ratio = (one, other) => {
    const [high, low] = [light(one), light(other)].sort((a, b) => b - a);
    return (high + 0.05) / (low + 0.05);
  };
  const has_text = (element) => [...element.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim() !== '');
  const faint = [];
  let lowest_contrast = 99;
  for (const element of document.querySelectorAll('main *')) {
    if (!has_text(element) || !shown(element) || element.tagName === 'title') continue;
    const style = getComputedStyle(element);
    const in_svg = element.closest('svg') !== null;
    const found = ratio(over(rgba(in_svg ? style.fill : style.color), ground(element)), ground(element));
    const large = parseFloat(style.fontSize) >= 24 || (parseFloat(style.fontSize) >= 18.66 && parseInt(style.fontWeight, 10) >= 700);
    lowest_contrast = Math.min(lowest_contrast, found);
    if (found < (large ? 3 : 4.5)) faint.push(`${name(element)} (${found.toFixed(2)})`);
  }
  // Lines and bars against the card that they are on: 3 to 1 for graphics.
  for (const element of document.querySelectorAll('figure .line, figure .bar, .threshold line, .marker.decision line')) {
    if (!shown(element)) continue;
    const style = getComputedStyle(element);
    const colour = rgba(style.stroke === 'none' ? style.fill : style.stroke);
    colour[3] *= parseFloat(style.stroke === 'none' ? style.fillOpacity : style.strokeOpacity);
    const found = ratio(over(colour, ground(element)), ground(element));
    if (found < 3) faint.push(`a mark of ${element.getAttribute('class') ?? element.parentElement.getAttribute('class')} (${found.toFixed(2)})`);
  }

  // What must not be cut by the end of a sheet of paper, and is taller than one.
  const sheet = 1122 - 2 * 46;
  const uncut = [...document.querySelectorAll('.verdict, .figures > div, .models > div, .plot, tr, .timeline li, .facts > div')].filter(shown);
  const cut_in_print = matchMedia('print').matches
    ? uncut.filter((element) => getComputedStyle(element).breakInside !== 'avoid' || element.getBoundingClientRect().height > sheet).map(name)
    : [];

  const verdict = document.querySelector('.verdict');
  return {
    verdict: verdict && shown(verdict) ? verdict.innerText : '',
    window_width: width,
    content_width: document.documentElement.scrollWidth,
    height: document.documentElement.scrollHeight,
    loaded: Math.max(
      performance.getEntriesByType('resource').length,
      document.querySelectorAll('[src], link[href], object, embed, iframe').length,
    ),
    plots,
    beyond: [...new Set(beyond)],
    hidden_values,
    faint: [...new Set(faint)],
    lowest_contrast,
    cut_in_print,
    text: document.querySelector('main')?.innerText ?? '',
    headlines: [...document.querySelectorAll('h1, h2, h3')].map((headline) => headline.textContent),
  };
})();
