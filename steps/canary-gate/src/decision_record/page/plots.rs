//! How the evidence on each metric grew, and where the truth can lie.

use report::{Axis, Band, LinePlot, Plot, Series, Tone};

use super::metric::{is_asked, is_counted, is_mean, part};
use crate::decision_record::details::{Canary, Metric};
use crate::policy::metrics::judge::{Claim, View};
use crate::policy::metrics::spec::{Better, Of};

/// Evidence against a claim is drawn down to so many times a proof, and evidence for it up to so many.
const MIN_PART: f64 = -1.0;
const MAX_PART: f64 = 1.5;

/// Evidence and interval of each metric of which anything was seen, in the order in which they are judged.
pub(super) fn of_metrics(canary: &Canary) -> Vec<Plot> {
    canary
        .metrics
        .iter()
        .enumerate()
        .filter(|(_, metric)| {
            // Nothing of the kind happened; two empty plots would say less than the row does.
            is_mean(metric) || metric.view.candidate + metric.view.champion > 0.0
        })
        .flat_map(|(place, metric)| {
            let views = Views::of(canary, place);
            let (grew, lies) = (evidence(canary, metric, &views), interval(canary, metric, &views));
            let beside = grew.is_some() && lies.is_some();
            let plots = [grew, lies].into_iter().flatten();
            plots.map(move |plot| LinePlot { is_half: beside, ..plot })
        })
        .map(Plot::from)
        .collect()
}

/// The views of one metric over time.
struct Views<'a>(Vec<(f64, &'a View)>);

impl<'a> Views<'a> {
    fn of(canary: &'a Canary, place: usize) -> Self {
        let points = canary.evidence.iter();
        Self(points.filter_map(|point| Some((point.at, point.metrics.get(place)?))).collect())
    }

    fn points(&self, of: impl Fn(&View) -> Option<f64>) -> Vec<(f64, f64)> {
        self.0.iter().filter_map(|(at, view)| Some((*at, of(view)?))).collect()
    }
}

/// Both claims as parts of a proof, so that one line says when either is proven, however much it takes by then.
fn evidence(canary: &Canary, metric: &Metric, views: &Views<'_>) -> Option<LinePlot> {
    let parts = |claim: fn(&View) -> &Claim| {
        views.points(|view| {
            let claim = claim(view);
            let part = part(claim).filter(|_| claim.limit > Some(0.0))?;
            Some(part.clamp(MIN_PART, MAX_PART))
        })
    };
    let (harm, safe) = (parts(|view| &view.harm), parts(|view| &view.safe));
    if harm.is_empty() {
        return None;
    }
    let name = title(metric);
    let title = format!("{name}: how near each claim came to its proof");
    let mut plot = LinePlot::new(title, time(), Axis::new("part of a proof").percent())
        .series(Series::new("harm", harm).tone(Tone::Alarm));
    if metric.proof {
        plot = plot.series(Series::new("not worse", safe).tone(Tone::Good));
    }
    let plot = plot.threshold(1.0, "proof").caption(
        "A claim is proven once its line reaches 100 %, whenever that is looked at. Below 0 % the records speak against it. \
         Drawn from −100 % to 150 %. A line jumps where a raised share makes each record weigh otherwise.",
    );
    Some(moments(plot, canary))
}

/// Where the truth can lie, by everything seen up to each moment.
fn interval(canary: &Canary, metric: &Metric, views: &Views<'_>) -> Option<LinePlot> {
    let ratio = is_counted(metric);
    let band: Vec<(f64, f64, f64)> = views
        .0
        .iter()
        .map(|(at, view)| (*at, view.lower, view.upper))
        .filter(|(_, lower, upper)| lower.is_finite() && upper.is_finite())
        .filter(|(_, lower, _)| !ratio || *lower > 0.0)
        .collect();
    let (_, lower, upper) = *band.last()?;
    let line = views.points(|view| view.estimate.filter(|it| !ratio || *it > 0.0));
    let margin = metric.margin;
    let difference = "candidate's mean less the champion's";
    let (levels, axis) = if is_asked(metric) {
        let axis = Axis::new("answers beyond the limit").percent();
        (vec![(metric.view.champion, "tolerated")], axis)
    } else if metric.of == Of::Score {
        (vec![(margin, "tolerated"), (-margin, "tolerated")], Axis::new(difference))
    } else if ratio {
        let level = match metric.better {
            Better::Higher => 1.0 / (1.0 + margin),
            Better::Lower => 1.0 + margin,
        };
        // What the last interval holds, with room around it and around the level that decides.
        let (low, high) = (lower.min(level).min(1.0) / 2.0, upper.max(level).max(1.0) * 2.0);
        (
            vec![(level, "tolerated"), (1.0, "the same rate")],
            Axis::new("candidate's rate over the champion's").log().range(low, high),
        )
    } else {
        (vec![(margin, "tolerated")], Axis::new(difference))
    };
    let clip = |value: f64| axis.range.map_or(value, |(low, high)| value.clamp(low, high));
    let band = band.into_iter().map(|(at, low, high)| (at, clip(low), clip(high))).collect();
    let line = line.into_iter().filter(|(_, value)| clip(*value) == *value).collect();
    let range = axis.range.is_some();
    let mut plot =
        LinePlot::new(format!("{}: where the truth can lie", title(metric)), time(), axis)
            .half()
            .band(Band::new("95 % interval, two-sided", band).tone(Tone::Candidate))
            .series(Series::new("estimate", line).tone(Tone::Candidate));
    for (value, label) in levels {
        plot = plot.threshold(value, label);
    }
    let more = if range { " Where little was known it is wider than the plot." } else { "" };
    Some(moments(plot.caption(format!(
        "The band holds the truth at all times at once. It is two-sided and shows how much is known; what decides is the \
         one-sided proof, which may come before the whole band is on one side.{more}"
    )), canary))
}

/// The shares as they were raised, and the decision.
fn moments(mut plot: LinePlot, canary: &Canary) -> LinePlot {
    for step in &canary.steps {
        if let Some(at) = step.confirmed {
            plot = plot.marker(at, report::percent(step.share));
        }
    }
    plot.decision(canary.decided, "decided")
}

fn time() -> Axis {
    Axis::new("time").unit("s")
}

fn title(metric: &Metric) -> String {
    let mut letters = metric.name.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}
