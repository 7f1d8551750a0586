use routes::ModelRef;
use serde_json::{Value, json};

use super::*;

fn model(n: u8) -> ModelRef {
    ModelRef { digest: format!("sha256:{n}"), image: format!("oci:m{n}") }
}

fn decided_by(known: Known<'_>, named: &str, release: &str) -> Decided {
    let event = |at: Option<u64>| format!("e{named}{at:?}");
    decide(&known, &Asked { bad: named, release, event: &event })
}

fn brief(decided: Decided) -> (&'static str, String) {
    let plan = match decided.plan {
        Plan::Write { .. } => "write",
        Plan::Resume => "resume",
        Plan::Nothing => "nothing",
        Plan::Refuse(_) => "refuse",
    };
    (plan, decided.bad)
}

fn decided(now: Option<&Route>, named: &str) -> (&'static str, String) {
    brief(decided_by(Known { now, history: &[], events: &[] }, named, "r"))
}

/// 2 is the champion by the promotion of `release`, 1 was before.
fn promoted(release: &str) -> Route {
    let first = Route { promoted_by: "first".into(), ..Route::bootstrap("s", model(1)) };
    let route = first.promoted(model(2), String::new());
    Route { release: release.into(), promoted_by: release.into(), generation: 2, ..route }
}

/// `release` tries 3 on that.
fn trial(route: &Route, release: &str) -> Route {
    let mut route = Route { release: release.into(), ..route.with_candidate(model(3), 0.05) };
    if let Some(candidate) = &mut route.candidate {
        candidate.release = release.into();
    }
    Route { generation: route.generation + 1, ..route }
}

fn event(step: &str, release: &str, verdict: &str, n: u8) -> OutcomeEvent {
    let (inputs, outputs) = match step {
        "promote" => (json!({ "model": model(n).digest, "image": model(n).image }), json!({})),
        _ => (json!({}), json!({ "bad": model(n).digest })),
    };
    emitted(step, release, verdict, &format!("{step}{release}{n}"), (inputs, outputs))
}

/// An event as it stands on the topic, with its inputs and outputs.
pub(super) fn emitted(
    step: &str,
    release: &str,
    verdict: &str,
    id: &str,
    (inputs, outputs): (Value, Value),
) -> OutcomeEvent {
    serde_json::from_value(json!({
        "context": { "specversion": "", "id": id, "source": "", "type": "", "timestamp": "" },
        "subject": { "id": "s", "content": {} },
        "customDataContentType": "application/json",
        "customData": {
            "contract": "1.0", "step": step, "step-version": "", "release": release, "stream": "s",
            "environment": "dev", "verdict": verdict, "reason": "", "inputs": inputs, "outputs": outputs,
            "report": { "digest": "" }
        }
    }))
    .expect("an event as it stands on the topic")
}

#[test]
fn whom_the_flag_means() {
    let digest = |n: u8| model(n).digest;
    let nothing = || ("nothing", String::new());
    let others = promoted("other");
    let ours = promoted("r");
    // Whoever wrote the route last.
    let withdrawn = Route { release: "r".into(), ..others.clone() };
    let rewritten = Route { release: "other".into(), ..ours.clone() };
    for (now, named, expected) in [
        (&trial(&others, "r"), "", ("write", digest(3))),
        (&trial(&ours, "r"), "", ("write", digest(3))),
        (&trial(&others, "x"), "", nothing()),
        (&trial(&ours, "x"), "", ("write", digest(2))),
        (&trial(&others, "x"), "candidate", ("write", digest(3))),
        (&trial(&others, "x"), "sha256:3", ("write", digest(3))),
        (&trial(&others, "x"), "champion", ("write", digest(2))),
        (&trial(&others, "x"), "sha256:2", ("write", digest(2))),
        (&trial(&others, "x"), "sha256:4", ("nothing", digest(4))),
        (&others, "", nothing()),
        (&withdrawn, "", nothing()),
        (&others, "candidate", nothing()),
        (&others, "champion", ("write", digest(2))),
        (&others, "sha256:1", ("nothing", digest(1))),
        (&ours, "", ("write", digest(2))),
        (&rewritten, "", ("write", digest(2))),
    ] {
        assert_eq!(decided(Some(now), named), expected, "{named} on {now:?}");
    }
    assert_eq!(decided(None, "sha256:1"), ("nothing", digest(1)));
    assert_eq!(decided(None, "").0, "refuse");
}

#[test]
fn who_promoted_the_champion_is_in_the_events_and_in_the_route() {
    let at = |generation: &str, event: OutcomeEvent| {
        let mut event = event;
        event.custom_data.outputs.insert("generation".into(), generation.into());
        event
    };
    // The champion is that since generation 2; events without a generation are by hand.
    let up = |release: &str| event("promote", release, "pass", 2);
    let (then, before) = (|release| at("2", up(release)), |release| at("1", up(release)));
    let unsaid = Route { promoted_by: String::new(), ..promoted("x") };
    let failed = |release: &str| at("2", event("promote", release, "fail", 2));
    let down = || event("rollback", "x", "pass", 2);
    for (route, events, expected) in [
        (promoted("a"), vec![then("a")], Some("a")),
        (promoted("a"), vec![up("a")], Some("a")),
        // It was ended before its event.
        (promoted("a"), vec![], Some("a")),
        (promoted("a"), vec![before("b"), down()], Some("a")),
        (promoted("a"), vec![before("b")], Some("a")),
        (promoted("a"), vec![before("a"), before("b")], Some("a")),
        // The same model once more, by another release.
        (promoted("a"), vec![then("a"), at("5", up("b"))], Some("b")),
        (promoted("a"), vec![then("a"), up("b")], Some("b")),
        (promoted("a"), vec![then("a"), failed("b")], Some("a")),
        (promoted("a"), vec![before("b"), down(), then("a")], Some("a")),
        (unsaid.clone(), vec![then("a")], Some("a")),
        (unsaid.clone(), vec![then("a"), down()], None),
        (unsaid.clone(), vec![], None),
    ] {
        let first = Route { generation: 1, ..Route::bootstrap("s", model(1)) };
        let later = Route { generation: 7, ..trial(&route, "x") };
        let history = [first, route, later];
        for now in &history[1..] {
            let known = Known { now: Some(now), history: &history, events: &events };
            assert_eq!(promoter(&known, now), expected, "{events:?}");
        }
    }
}

#[test]
fn left_behind_is_the_candidate_of_this_release_and_nothing_else() {
    let nothing = ("nothing", String::new());
    let written_by = |release: &str, of: Route| Route { release: release.into(), ..of };
    let others = promoted("x");
    for (now, expected) in [
        (trial(&others, "r"), ("write", model(3).digest)),
        // Others have written in between, and the trial is still whose canary began it.
        (written_by("x", trial(&others, "r")), ("write", model(3).digest)),
        (written_by("r", trial(&others, "x")), nothing.clone()),
        (trial(&others, "x"), nothing.clone()),
        (promoted("r"), nothing.clone()),
    ] {
        assert_eq!(decided(Some(&now), LEFT_BEHIND), expected, "{now:?}");
    }
    assert_eq!(decided(None, LEFT_BEHIND), nothing);
}

#[test]
fn a_bad_candidate_leaves_the_champion_and_a_bad_champion_goes_with_its_trial() {
    let on_trial = trial(&promoted("other"), "r");
    let known = Known { now: Some(&on_trial), history: &[], events: &[] };
    let Plan::Write { route, good } = decided_by(known, "", "r").plan else {
        panic!("not written")
    };
    assert_eq!((route.champion, route.candidate, good), (model(2), None, None));
    assert!(route.previous.is_some());
    let Plan::Write { route, good } = decided_by(known, "champion", "r").plan else {
        panic!("not written")
    };
    assert_eq!((route.champion, route.candidate, route.previous), (model(1), None, None));
    assert_eq!(good.map(|good| good.promoted_by), Some("first".into()));
    assert_eq!(route.promoted_by, "first", "and not the release that rolls back");
}

#[test]
fn without_a_good_model_nothing_is_written() {
    let first = Route::bootstrap("s", model(1));
    assert_eq!(decided(Some(&first), "champion"), ("refuse", model(1).digest));
}

/// The route that the rollback of `release` with `--bad=<named>` wrote on that of generation 2.
fn back(named: &str, release: &str) -> Route {
    let event = format!("e{named}{:?}", Some(2));
    let written = Written { bad: model(2).digest, at: 2, event };
    let route = promoted(release).restored(model(1), "first".into());
    Route { reason: written.reason(), decision: Some(written.decision()), generation: 3, ..route }
}

#[test]
fn a_route_that_this_run_wrote_before_is_not_written_again() {
    let resumed = ("resume", model(2).digest);
    for named in ["", "champion", "sha256:2"] {
        let route = back(named, "r");
        assert_eq!(decided(Some(&route), named), resumed, "{named}");
        // Others have written since; without a name for it, `champion` is another one by now.
        let history = [route.clone()];
        let now =
            Route { release: "x".into(), reason: "canary".into(), decision: None, ..route.clone() };
        // The sentence is for people: another one changes nothing.
        let reworded = Route { reason: "back to what was good".into(), ..route };
        assert_eq!(decided(Some(&reworded), named), resumed, "{named}");
        let known = Known { now: Some(&now), history: &history, events: &[] };
        let expected = if named == "champion" { "refuse" } else { "resume" };
        assert_eq!(brief(decided_by(known, named, "r")).0, expected, "{named}");
    }
    // Another run: other flags, or another release.
    assert_eq!(decided(Some(&back("", "r")), "sha256:2").0, "nothing");
    assert_eq!(decided(Some(&back("", "x")), "").0, "nothing");
}

#[test]
fn every_time_that_a_model_has_to_go_is_a_rollback_of_its_own() {
    let first = trial(&promoted("other"), "r");
    let second = Route { generation: 9, ..first.clone() };
    let at =
        |now: &Route| decided_by(Known { now: Some(now), history: &[], events: &[] }, "", "r").at;
    assert_eq!((at(&first), at(&second), at(&promoted("x"))), (Some(3), Some(9), None));
}
