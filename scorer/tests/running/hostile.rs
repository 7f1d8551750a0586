//! Candidates that loop, eat memory or die: the champion's stream goes on.

use std::process::Command;
use std::time::{Duration, Instant};

use crate::support::{World, eventually, exactly_once, get, number, onnx, score, with_address};
use ::routes::{
    Confirmation, Confirmations as _, Route, RouteWriter as _, Routes, ScorerState, ScorerStatus,
    Scorers,
};
use contract::stop::Stop;
use kafka::Record;

/// The record at which the looping model never ends.
const BAD: i64 = 666;

/// A world in which the candidate answers everything, under generation 1.
fn on_trial(model: &[u8]) -> (World, Route) {
    let world = World::new();
    let champion = world.image("Identity");
    let candidate = world.image_of("candidate", model);
    let route = Route::bootstrap("s", champion).with_candidate(candidate, 1.0);
    (world, route)
}

/// Sends the record at which the model never ends, and waits until its process is busy with it.
fn get_stuck(world: &mut World, scorer: u32) -> u32 {
    let child = child_of(scorer);
    let before = processor_ticks(child);
    world.numbers(BAD..BAD + 1);
    // A tenth of a second of work is more than answering one record takes.
    eventually("the candidate loops", || (processor_ticks(child) >= before + 10).then_some(child))
}

/// Sends numbers, one after the other, until the candidate has answered one.
fn until_the_candidate_answers(world: &mut World, next: &mut i64) {
    let topic = "s.predictions";
    let mut known = world.kafka.extent(topic).unwrap().len() as usize;
    eventually("the candidate answers again", || {
        world.numbers(*next..*next + 1);
        *next += 1;
        let end = eventually("an answer", || {
            let end = world.kafka.extent(topic).unwrap().len() as usize;
            (end > known).then_some(end)
        });
        known = end;
        let records = world.read(topic, known);
        let last = records.iter().max_by_key(|record| number(record)).unwrap();
        (last.header("variant") == Some("candidate")).then_some(())
    });
}

fn status(world: &World, wanted: impl Fn(&ScorerStatus) -> bool) -> ScorerStatus {
    let mut scorers = Scorers::open(&world.kafka, "s").unwrap();
    let mut last = Vec::new();
    let begun = Instant::now();
    eventually("the scorer's status", || {
        last = scorers.live().unwrap();
        assert!(begun.elapsed() < crate::support::LIMIT / 2, "{last:?}");
        last.iter().find(|it| wanted(it)).cloned()
    })
}

#[test]
fn a_candidate_that_loops_costs_a_moment_and_is_out_after_three_times() {
    let (mut world, route) = on_trial(&onnx::endless_at(BAD as f32));
    let (_scorer, address) =
        with_address(world.command("a").args(["--candidate-deadline=300ms", "--batch=50"]));
    let route = world.in_force(route);
    let mut next = 1000;
    for _ in 0..2 {
        until_the_candidate_answers(&mut world, &mut next);
        world.numbers(BAD..BAD + 1);
    }
    until_the_candidate_answers(&mut world, &mut next);
    // Twice is bad luck: the route is confirmed, and the candidate answers.
    status(&world, |it| it.state == ScorerState::Ready && it.fallbacks >= 2);
    assert!(get(&address, "/healthz", "").starts_with("HTTP/1.1 200"));
    assert!(get(&address, "/readyz", "").starts_with("HTTP/1.1 200"));

    world.numbers(BAD..BAD + 1);
    let failed = status(&world, |it| it.state == ScorerState::Failed);
    let error = failed.error.unwrap();
    assert!(error.contains("3 times within 5 minutes"), "{error}");
    assert!(error.contains("no answer within 300 ms"), "{error}");
    assert!(matches!(world.confirm(&route), Confirmation::Refused { .. }));

    let begun = Instant::now();
    world.numbers(next..next + 500);
    let all = (next - 1000) as usize + 3 + 500;
    let predictions = world.read("s.predictions", all);
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
    let (bad, good): (Vec<Record>, Vec<Record>) =
        predictions.into_iter().partition(|record| number(record) == BAD);
    exactly_once(&good, 1000..next + 500);
    assert_eq!(bad.len(), 3);
    for record in &bad {
        assert_eq!((score(record), record.header("variant")), (BAD as f64, Some("champion")));
        let why = record.header("fallback").unwrap();
        assert!(why.contains("no answer within 300 ms"), "{why}");
    }
    let last = good.iter().max_by_key(|record| number(record)).unwrap();
    let why = last.header("fallback").unwrap();
    assert!(why.contains("is not loaded") && why.contains("is not started again"), "{why}");
    let metrics = get(&address, "/metrics", "");
    assert!(
        metrics.contains(r#"headgate_scorer_candidate_failures_total{stream="s"} 3"#),
        "{metrics}"
    );
    assert!(metrics.contains(r#"headgate_scorer_candidate_up{stream="s"} 0"#), "{metrics}");
}

#[test]
fn records_of_one_batch_fall_back_together_and_the_idle_stream_reports_them() {
    let (mut world, route) = on_trial(&onnx::endless_at(BAD as f32));
    let (_scorer, _) = with_address(world.command("a").arg("--candidate-deadline=300ms"));
    world.in_force(route);
    let mut next = 1000;
    until_the_candidate_answers(&mut world, &mut next);
    for _ in 0..2 {
        world.numbers(BAD..BAD + 1);
        world.numbers(next..next + 1);
        next += 1;
    }
    // Nothing comes after them, so only the heartbeat can say it.
    let found = status(&world, |it| it.state == ScorerState::Ready && it.fallbacks >= 2);
    assert!(found.fallbacks <= 4, "{found:?}");
    let predictions = world.read("s.predictions", (next - 1000) as usize + 2);
    assert_eq!(predictions.iter().filter(|record| number(record) == BAD).count(), 2);
}

/// The shape of a LightGBM classifier: its label is declared as one number, whatever the batch.
#[test]
fn a_model_that_warns_at_every_batch_is_logged_once() {
    let mut world = World::new();
    let champion = world.image_of("declared", &onnx::declared_as_one_row());
    let mut command = world.command("a");
    command.args(["--batch=2", "--commit-interval=0s"]).stderr(std::process::Stdio::piped());
    let mut scorer = crate::support::Running(command.spawn().unwrap());
    world.in_force(Route::bootstrap("s", champion));
    world.numbers(0..200);
    assert_eq!(world.read("s.predictions", 200).len(), 200);
    let stderr = scorer.0.stderr.take().unwrap();
    assert_eq!(scorer.end(), Some(0));
    let log = std::io::read_to_string(stderr).unwrap();
    let warnings: Vec<&str> =
        log.lines().filter(|line| line.contains("does not match actual shape")).collect();
    assert_eq!(warnings.len(), 1, "{log}");
}

#[test]
fn a_way_back_does_not_wait_for_a_candidate_that_loops() {
    let (mut world, route) = on_trial(&onnx::endless_at(BAD as f32));
    let scorer = crate::support::Running(
        world.command("a").arg("--candidate-deadline=60s").spawn().unwrap(),
    );
    let mut took = Vec::new();
    for round in 1..=3 {
        world.in_force(route.clone());
        let child = get_stuck(&mut world, scorer.0.id());
        let mut routes = Routes::open(&world.kafka, "s").unwrap();
        let mut scorers = Scorers::open(&world.kafka, "s").unwrap();
        let begun = Instant::now();
        let back = routes.write(route.without_candidate(), "r", "a way back", None).unwrap();
        let confirmed = scorers.confirm(&back, crate::support::LIMIT, &Stop::default());
        assert!(matches!(confirmed.unwrap(), Confirmation::Confirmed { .. }));
        took.push(begun.elapsed());
        let why = world.read("s.predictions", round).pop().unwrap();
        assert!(why.header("fallback").unwrap().contains("the route changed"), "{:?}", why.headers);
        eventually("the candidate's process is gone", || gone(child).then_some(()));
    }
    // Others work on this machine too, so not every one of them need be quick.
    assert!(*took.iter().min().unwrap() < Duration::from_millis(100), "{took:?}");
    assert!(*took.iter().max().unwrap() < Duration::from_secs(2), "{took:?}");
}

#[test]
fn a_scorer_with_a_candidate_that_loops_ends_in_order_and_takes_it_along() {
    let (mut world, route) = on_trial(&onnx::endless_at(BAD as f32));
    let command = || {
        let mut command = world.command("a");
        command.arg("--candidate-deadline=60s");
        command
    };
    let (ended, killed) = (command(), command());
    for (mut command, in_order) in [(ended, true), (killed, false)] {
        let mut scorer = crate::support::Running(command.spawn().unwrap());
        world.in_force(route.clone());
        let child = get_stuck(&mut world, scorer.0.id());
        let begun = Instant::now();
        if in_order {
            assert_eq!(scorer.end(), Some(0));
            assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
        } else {
            scorer.0.kill().unwrap();
            scorer.0.wait().unwrap();
        }
        eventually("the candidate's process is gone", || gone(child).then_some(()));
    }
}

#[test]
fn a_candidate_that_takes_memory_takes_only_its_own() {
    let (mut world, route) = on_trial(&onnx::hungry());
    let (scorer, _) = with_address(world.command("a").arg("--candidate-memory=256MiB"));
    world.in_force(route);
    world.numbers(0..50);
    // Two gigabytes.
    world.numbers(500_000_000..500_000_001);
    world.numbers(50..100);
    let predictions = world.read("s.predictions", 101);
    let (fed, hungry): (Vec<Record>, Vec<Record>) =
        predictions.into_iter().partition(|record| number(record) < 1000);
    exactly_once(&fed, 0..100);
    assert_eq!((score(&hungry[0]), hungry[0].header("variant")), (500_000_000.0, Some("champion")));
    let why = hungry[0].header("fallback").unwrap();
    assert!(why.starts_with("the candidate cannot answer"), "{why}");
    let most = memory(scorer.0.id());
    assert!(most < 1_000_000_000, "the scorer itself took {most} bytes");
    assert!(fed.iter().any(|record| record.header("variant") == Some("candidate")));
}

#[test]
fn a_candidate_that_was_killed_comes_back_by_itself() {
    let (mut world, route) = on_trial(&onnx::one_operator("Neg"));
    let scorer = world.scorer("a");
    world.in_force(route);
    let child = child_of(scorer.0.id());
    // It has nothing of the scorer's but one socket, and stderr.
    let open: Vec<_> = std::fs::read_dir(format!("/proc/{child}/fd"))
        .unwrap()
        .map(|fd| std::fs::read_link(fd.unwrap().path()).unwrap_or_default())
        .collect();
    assert!(open.len() <= 4, "{open:?}");
    let environment = std::fs::read_to_string(format!("/proc/{child}/environ")).unwrap();
    assert!(!environment.contains("BROKERS"), "{environment}");

    let mut next = 0;
    until_the_candidate_answers(&mut world, &mut next);
    assert!(Command::new("kill").args(["-9", &child.to_string()]).status().unwrap().success());
    world.numbers(next..next + 1);
    let predictions = world.read("s.predictions", next as usize + 1);
    let last = predictions.iter().find(|record| number(record) == next).unwrap();
    assert_eq!((score(last), last.header("variant")), (next as f64, Some("champion")));
    let why = last.header("fallback").unwrap();
    assert!(why.contains("its process ended (signal: 9"), "{why}");
    next += 1;
    until_the_candidate_answers(&mut world, &mut next);
    assert_ne!(child_of(scorer.0.id()), child);
    status(&world, |it| it.state == ScorerState::Ready && it.fallbacks >= 1);
}

/// The one child of the scorer.
fn child_of(scorer: u32) -> u32 {
    eventually("the scorer has a child", || {
        let tasks = std::fs::read_dir(format!("/proc/{scorer}/task")).unwrap();
        let children = tasks
            .filter_map(|task| std::fs::read_to_string(task.unwrap().path().join("children")).ok());
        let children = children.collect::<String>();
        let mut living = children.split_whitespace().filter_map(|child| child.parse().ok());
        living.find(|child| !gone(*child))
    })
}

/// Whether the process has ended; one that nobody has waited for yet has.
fn gone(process: u32) -> bool {
    stat(process).is_none_or(|fields| fields[0] == "Z")
}

fn processor_ticks(process: u32) -> u64 {
    let fields = stat(process).unwrap();
    fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
}

/// The fields of `/proc/<process>/stat` from the state on.
fn stat(process: u32) -> Option<Vec<String>> {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    let fields = stat.rsplit(')').next()?.split_whitespace();
    Some(fields.map(str::to_owned).collect())
}

/// The most memory that the process ever had, in bytes.
fn memory(process: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().strip_suffix(" kB").unwrap().parse::<u64>().unwrap() * 1024
}
