#![expect(clippy::unwrap_used, reason = "tests")]

use super::*;

#[test]
fn a_list_with_one_of_each_is_read() {
    let text = r#"[
        {"name": "errors", "of": "label-errors", "weight": 2,
         "slices": [{"feature": "country", "values": ["DE", "FR"]}, {"header": "tier", "values": ["gold"]},
                    {"feature": "speed", "edges": [0, 10]}]},
        {"name": "slow", "of": "latency", "slo": "20ms", "margin": 0.5},
        {"name": "brier", "of": "loss", "loss": "brier", "margin": 0.01, "proof": true},
        {"name": "drift of scores", "of": "score", "margin": 0.05, "role": "informative"},
        {"name": "orders", "of": "events", "topic": "shop.orders", "better": "higher"},
        {"name": "memory", "of": "promql", "query": {
            "server": "http://prometheus:9090", "promql": "max(memory{model=\"$candidate\"})", "limit": 2e9,
            "every": "30s", "range": {"last": "5m", "step": "15s", "aggregate": "mean"}}}
    ]"#;
    let metrics = parse(text).unwrap();
    let proofs: Vec<bool> = metrics.iter().map(Metric::needs_proof).collect();
    assert_eq!(proofs, [true, false, true, false, false, false]);
    assert_eq!(metrics[1].slo_us(), Some(20_000));
    let names: Vec<String> =
        metrics[0].columns().unwrap().into_iter().flat_map(|(_, names)| names).collect();
    let expected = [
        "country = DE",
        "country = FR",
        "tier = gold",
        "speed < 0",
        "0 ≤ speed < 10",
        "speed ≥ 10",
    ];
    assert_eq!(names, expected);
    let query = metrics[5].query.as_ref().unwrap();
    let question = query.question(&[("$candidate", "sha256:1")]);
    assert_eq!(question.query, r#"max(memory{model="sha256:1"})"#);
    assert_eq!(query.every(), Duration::from_secs(30));
}

#[test]
fn the_defaults_are_sound() {
    for metric in defaults() {
        metric.check().unwrap();
    }
}

#[test]
fn what_makes_no_sense_is_told() {
    for (metric, why) in [
        (r#""of": "latency""#, "`slo` is missing for latency"),
        (r#""of": "latency", "slo": "soon""#, "no time"),
        (r#""of": "label-errors", "slo": "1s""#, "`slo` is for latency"),
        (r#""of": "loss", "loss": "brier""#, "needs a margin"),
        (r#""of": "loss", "loss": "hinge", "margin": 1"#, "`hinge` is not known"),
        (r#""of": "failures", "better": "higher""#, "better where it is lower"),
        (r#""of": "failures", "margin": -1"#, "margin"),
        (r#""of": "failures", "weight": 0"#, "weight"),
        (r#""of": "failures", "limit": 0"#, "there is no field `limit`"),
        (r#""of": "failures", "role": "informative""#, "no metric is critical"),
        (
            r#""of": "events", "topic": "t", "slices": [{"feature": "a", "values": ["x"]}]"#,
            "sliced",
        ),
        (r#""of": "failures", "slices": [{"feature": "a"}]"#, "either values or edges"),
        (r#""of": "failures", "slices": [{"values": ["x"]}]"#, "either a feature or a header"),
        (
            r#""of": "promql", "query": {"server": "http://p", "promql": "up", "limit": 1, "every": "often"}"#,
            "`every` is `often`",
        ),
        (
            r#""of": "promql", "query": {"server": "http://p", "promql": "up", "limit": 1, "username": "u"}"#,
            "password-file",
        ),
        (r#""of": "promql", "query": {"server": "http://p", "promql": " ", "limit": 1}"#, "empty"),
    ] {
        let error = parse(&format!(r#"[{{"name": "m", {metric}}}]"#)).unwrap_err();
        assert!(error.contains(why), "{metric}: {error}");
    }
    assert!(parse("[]").is_err() && parse("{}").is_err());
    let twice = r#"[{"name": "a", "of": "failures"}, {"name": "a", "of": "label-errors"}]"#;
    assert!(parse(twice).unwrap_err().contains("two metrics"));
}
