//! Every step killed in mid-run and run again ends as if nothing had happened.
//!
//! One release goes through all steps on two streams with the same records: on the one undisturbed, on the other
//! every step is killed first. Verdicts, outputs and routes have to be the same.

use std::collections::{BTreeMap, BTreeSet};

use contract::event_log;
use routes::{ModelRef, Route};

use testkit::Running;
use testkit::live::{Live, Scorer, route_flags, until};

const RELEASE: &str = "second";
/// Steps that leave nothing half-way: the one only reads before it emits, the other pushes by content.
const WITHOUT_STATE: [&str; 2] = ["conclude", "train-linear"];
/// The replay gives both streams the same records at the same offsets.
const WINDOW: &str = "0:0-3000,1:0-3000,2:0-3000,3:0-3000";

/// When a step is killed.
enum Moment<'a> {
    /// Once it has reported progress for the first time.
    Progress,
    /// Once it has written a route like this. The scorer is held until then, so that nothing is confirmed yet.
    Route(&'a dyn Fn(&Route) -> bool),
}

/// A stream on which the release takes place.
struct Place {
    live: Live,
    scorer: Scorer,
    disturbed: bool,
    /// Step → verdict and outputs that depend on nothing but the records and the models.
    results: BTreeMap<&'static str, Vec<String>>,
    routes: Vec<(String, f64, String)>,
}

#[test]
fn a_release_whose_every_step_is_killed_once_ends_like_an_undisturbed_one() {
    let (undisturbed, disturbed) = (release(false), release(true));
    assert_eq!(disturbed.results, undisturbed.results);
    assert_eq!(disturbed.routes, undisturbed.routes);
}

fn release(disturbed: bool) -> Place {
    let live = Live::new(if disturbed { "disturbed" } else { "undisturbed" });
    let scorer = live.scorer("a");
    let champion = live.bootstrap("linear");
    let replay = live.replay(3_000);
    let mut place = Place { live, scorer, disturbed, results: BTreeMap::new(), routes: Vec::new() };
    let model = place.validate_and_build();
    until("the window is answered", || {
        let answered = place.live.kafka().extent(&place.live.topics().predictions).unwrap();
        (answered.len() > 14_000).then_some(())
    });
    place.shadow_and_drift();

    let trial = |route: &Route| route.share() > 0.0;
    let mut flags = route_flags(&model);
    flags.extend(
        [
            "--shares=10%,50%",
            "--min-records=40",
            "--min-step-time=500ms",
            "--deadline=50s",
            "--undecidable=go",
        ]
        .map(str::to_owned),
    );
    place.step("canary-gate", &flags, &Moment::Route(&trial), &["share", "champion"]);

    let promoted = |route: &Route| route.champion == model;
    let flags = route_flags(&model);
    place.step("promote", &flags, &Moment::Route(&promoted), &["previous"]);

    let before = place.live.route().generation;
    let back = |route: &Route| route.generation > before && route.champion == champion;
    let flags = ["--bad=champion".to_owned(), "--observe-records=500".to_owned()];
    place.step("rollback", &flags, &Moment::Route(&back), &["bad", "good"]);

    replay.finish().unwrap();
    place.assert_one_event_a_step();
    place
}

impl Place {
    fn validate_and_build(&mut self) -> ModelRef {
        let root = self.live.places.root.clone();
        let digest = self.live.digest("boosting");
        let flags = [
            format!("--model={}", self.live.model("boosting").display()),
            format!("--champion={}", self.live.model("linear").display()),
            format!("--schema={}", self.live.schema.display()),
            format!("--golden={}", root.join("demo/models/boosting.golden.json").display()),
            format!("--holdout={}", root.join("demo/shuttle/holdout.csv").display()),
            // Other tests keep this machine busy at the same time.
            "--latency-budget=500ms".to_owned(),
        ];
        self.step("validate-model", &flags, &Moment::Progress, &["model-digest", "accuracy"]);

        // Large enough that the kill meets the step at work; its bytes are holes, which cost no disk.
        let ballast = self.live.places.file("ballast").unwrap();
        std::fs::File::create(&ballast).unwrap().set_len(200 << 20).unwrap();
        let mut flags = self.live.image_flags("boosting", &digest);
        flags.push(format!("--add={}:/ballast", ballast.display()));
        let image = self.step("build-image", &flags, &Moment::Progress, &["image-digest"]);
        ModelRef { digest, image }
    }

    fn shadow_and_drift(&mut self) {
        let root = self.live.places.root.clone();
        let schema = format!("--schema={}", self.live.schema.display());
        let window = format!("--window={WINDOW}");
        let flags = [
            format!("--model={}", self.live.model("boosting").display()),
            format!("--champion={}", self.live.model("linear").display()),
            schema.clone(),
            window.clone(),
            "--max-p99=100ms".to_owned(),
        ];
        self.step(
            "shadow-test",
            &flags,
            &Moment::Progress,
            &["champion", "window", "disagreement"],
        );

        let reference = root.join("demo/shuttle/holdout.csv");
        let flags = [
            "--mode=baseline".to_owned(),
            schema.clone(),
            format!("--reference={}", reference.display()),
        ];
        let baseline = self.live.run("detect-drift", "baseline", &flags, "pass").outputs;
        let baseline = baseline.join("baseline.json");
        let flags = [format!("--baseline={}", baseline.display()), schema, window];
        self.step("detect-drift", &flags, &Moment::Progress, &["features", "since", "window"]);
    }

    /// Runs a step, killed once before if this stream is the disturbed one; its `image` output.
    fn step(
        &mut self,
        name: &'static str,
        flags: &[String],
        moment: &Moment<'_>,
        outputs: &[&str],
    ) -> String {
        if self.disturbed {
            self.kill(self.live.start(name, RELEASE, flags), moment);
        }
        let ran = self.live.start(name, RELEASE, flags).end().unwrap();
        assert_eq!(ran.code, Some(0), "{name}: {}", ran.log);
        for report in ["report.html", "report.json", "event-id", "reason"] {
            assert!(!ran.output(report).is_empty(), "{name} left no {report}");
        }
        let verdict = ran.verdict.clone();
        // Drift is for the telemetry to say; it has to be the same twice.
        assert!(verdict == "pass" || name == "detect-drift", "{name}: {}", ran.reason);
        let mut result = vec![verdict];
        result.extend(outputs.iter().map(|output| ran.output(output)));
        let route = self.live.route();
        if self.disturbed {
            // Argo may also run a step again that had emitted everything: that changes nothing any more.
            let again = self.live.run(name, RELEASE, flags, &result[0]);
            assert_eq!(again.event, ran.event, "{name}");
            assert_eq!(self.live.route(), route, "{name}");
        }
        self.results.insert(name, result);
        let candidate = route.candidate.as_ref().map(|it| it.model.digest.clone());
        let champion = route.champion.digest.clone();
        self.routes.push((champion, route.share(), candidate.unwrap_or_default()));
        ran.output("image")
    }

    fn kill(&self, step: Running, moment: &Moment<'_>) {
        match moment {
            Moment::Progress => until("progress", || {
                assert!(!step.has_verdict(), "{}", step.program.log());
                step.has_progress().then_some(())
            }),
            Moment::Route(wanted) => {
                self.scorer.signal("STOP");
                self.live.stage.await_route(wanted).unwrap();
            }
        }
        step.kill().unwrap();
        if let Moment::Route(_) = moment {
            self.scorer.signal("CONT");
        }
    }

    /// However often a step was run, it has emitted one outcome.
    fn assert_one_event_a_step(&self) {
        let mut ids: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for event in event_log::read(self.live.kafka()).unwrap() {
            let found = event.custom_data;
            if found.stream == self.live.stage.stream && found.release == RELEASE {
                ids.entry(found.step).or_default().insert(event.context.id);
            }
        }
        assert_eq!(ids.keys().map(String::as_str).collect::<Vec<_>>(), names(&self.results));
        assert!(ids.values().all(|ids| ids.len() == 1), "{ids:?}");
        let all = pipeline_tests::steps().into_iter().map(|step| step.name);
        let left = all.filter(|name| !ids.contains_key(*name)).collect::<Vec<_>>();
        assert_eq!(
            left, WITHOUT_STATE,
            "every step took part but those that leave nothing half-way"
        );
    }
}

fn names(results: &BTreeMap<&'static str, Vec<String>>) -> Vec<&'static str> {
    results.keys().copied().collect()
}
