// Measures what a reader sees and leaves it in the document, where `--dump-dom` picks it up.
const shown = (element) => {
  const box = element.getBoundingClientRect();
  return box.width > 0 || box.height > 0;
};
const plots = [...document.querySelectorAll('figure svg')].map((svg) => {
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
  return {
    title: svg.getAttribute('aria-label') ?? '',
    width: frame.width,
    height: frame.height,
    marks: [...svg.querySelectorAll('path, circle, rect')].filter(shown).length,
    cut: boxes.filter(out).map(({ text }) => text),
    overlaps,
    empty: svg.querySelector('.nothing') !== null,
  };
});
const verdict = document.querySelector('.verdict');
document.body.dataset.measured = JSON.stringify({
  verdict: verdict && shown(verdict) ? verdict.innerText : '',
  window_width: document.documentElement.clientWidth,
  content_width: document.documentElement.scrollWidth,
  height: document.documentElement.scrollHeight,
  loaded: Math.max(
    performance.getEntriesByType('resource').length,
    document.querySelectorAll('[src], link[href], object, embed, iframe').length,
  ),
  plots,
});
