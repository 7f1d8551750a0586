//! Section 4: the outcome event.

use contract::event::is_cdevents_type;
use kafka::Record;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::{body, ended, equal, texts};
use crate::evidence::{CAUSE, ENVIRONMENT, Evidence, RELEASE};
use crate::rule::Seen;
use crate::schema::{Document, validate, validate_event};

pub(crate) fn is_emitted_once(evidence: &Evidence) -> Seen {
    for (name, run) in [("first", &evidence.first), ("second", &evidence.second)] {
        if run.events.len() != 1 {
            return Err(format!(
                "{} events in the {name} run; {}",
                run.events.len(),
                ended(&run.run)
            ));
        }
    }
    Ok("one event a run".into())
}

pub(crate) fn has_the_release_as_key(evidence: &Evidence) -> Seen {
    let key = event(evidence)?.key.as_deref().unwrap_or_default();
    equal("the key", &String::from_utf8_lossy(key), RELEASE)
}

pub(crate) fn has_its_headers(evidence: &Evidence) -> Seen {
    let (event, body) = (event(evidence)?, body(&evidence.first)?);
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let context = &body["context"];
    for (name, wanted) in [
        ("ce_specversion", "1.0".to_owned()),
        ("ce_id", text(&context["id"])),
        ("ce_type", text(&context["type"])),
        ("ce_source", text(&context["source"])),
        ("ce_subject", text(&body["subject"]["id"])),
        ("ce_time", text(&context["timestamp"])),
        ("content-type", "application/json".to_owned()),
    ] {
        let header = event.header(name).ok_or_else(|| format!("no header {name}"))?;
        equal(name, header, &wanted)?;
    }
    Ok("all seven".into())
}

pub(crate) fn has_a_valid_body(evidence: &Evidence) -> Seen {
    let value = event(evidence)?.value.as_deref().unwrap_or_default();
    let body = validate(Document::OutcomeEvent, &String::from_utf8_lossy(value))?;
    validate_event(&body).map(|()| "valid".to_owned())
}

pub(crate) fn has_the_id_of_the_output(evidence: &Evidence) -> Seen {
    let id = event(evidence)?.header("ce_id").unwrap_or_default();
    let outputs = &evidence.first.outputs;
    let record: Value = outputs
        .get("report.json")
        .and_then(|text| serde_json::from_str(text).ok())
        .unwrap_or_default();
    equal("the output event-id", outputs.get("event-id").map_or("", |id| id.trim()), id)?;
    equal("event in report.json", record["event"].as_str().unwrap_or_default(), id)
}

pub(crate) fn repeats_its_id(evidence: &Evidence) -> Seen {
    let (first, second) = (body(&evidence.first)?, body(&evidence.second)?);
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let environment = |body: &Value| text(&body["customData"]["environment"]);
    if environment(&first) != environment(&second) {
        return Ok("not comparable: the runs emit different environments, see 1.7 and 1.8".into());
    }
    let id = |body: &Value| text(&body["context"]["id"]);
    equal("the id of the second run", &id(&second), &id(&first))
}

pub(crate) fn has_a_declared_type(evidence: &Evidence) -> Seen {
    let body = body(&evidence.first)?;
    let emitted = body["context"]["type"].as_str().unwrap_or_default();
    let declared = texts(&evidence.description()["events"], "type");
    if !declared.iter().any(|name| name == emitted) {
        return Err(format!("{emitted}, but declared are {}", declared.join(", ")));
    }
    match declared.iter().find(|name| !is_cdevents_type(name)) {
        Some(name) => Err(format!("{name} is no CDEvents type")),
        None => Ok(emitted.to_owned()),
    }
}

pub(crate) fn has_the_verdict_of_its_type(evidence: &Evidence) -> Seen {
    let (body, description) = (body(&evidence.first)?, evidence.description());
    let declared = description["events"].as_array().into_iter().flatten();
    let of_type = |name: &Value| -> Vec<&str> {
        let same = declared.clone().filter(|event| event["type"] == *name);
        same.filter_map(|event| event["verdict"].as_str()).collect()
    };
    for event in declared.clone() {
        if of_type(&event["type"]).len() > 1 {
            return Err(format!("{} is declared more than once", event["type"]));
        }
    }
    let kind = &body["context"]["type"];
    // A type that is not declared at all is found by rule 4.7 alone.
    let Some(declared) = of_type(kind).pop() else { return Ok("not declared, see 4.7".into()) };
    equal(
        &format!("the verdict of {kind}"),
        body["customData"]["verdict"].as_str().unwrap_or_default(),
        declared,
    )
}

pub(crate) fn links_to_its_cause(evidence: &Evidence) -> Seen {
    let links = &body(&evidence.first)?["context"]["links"];
    let wanted = json!({ "linkType": "PATH", "from": { "contextId": CAUSE } });
    let linked = links.as_array().is_some_and(|links| links.contains(&wanted));
    if linked { Ok(wanted.to_string()) } else { Err(format!("links: {links}")) }
}

pub(crate) fn agrees_with_the_files(evidence: &Evidence) -> Seen {
    let (body, outputs) = (body(&evidence.first)?, &evidence.first.outputs);
    let emitted = &body["customData"];
    let file = |name: &str| outputs.get(name).map_or("", |content| content.trim());
    for name in ["verdict", "reason"] {
        equal(
            &format!("customData.{name}"),
            emitted[name].as_str().unwrap_or_default(),
            file(name),
        )?;
    }
    for (name, value) in emitted["outputs"].as_object().into_iter().flatten() {
        let value = value.as_str().unwrap_or_default();
        equal(&format!("customData.outputs.{name}"), value, file(name))?;
    }
    let report = outputs.get("report.json").map_or("", String::as_str);
    let digest = format!("sha256:{}", hex::encode(Sha256::digest(report)));
    let named = emitted["report"]["digest"].as_str().unwrap_or_default();
    equal("customData.report.digest", named, &digest)
}

pub(crate) fn has_its_source(evidence: &Evidence) -> Seen {
    let body = body(&evidence.first)?;
    let description = evidence.description();
    let name = description["name"].as_str().unwrap_or_default();
    // The environment emitted is held against the one given by rule 1.7 alone.
    let environment = body["customData"]["environment"].as_str().unwrap_or(ENVIRONMENT);
    let wanted = format!("/headgate/{environment}/{name}");
    equal("context.source", body["context"]["source"].as_str().unwrap_or_default(), &wanted)
}

fn event(evidence: &Evidence) -> Result<&Record, String> {
    let run = &evidence.first;
    run.events.first().ok_or_else(|| format!("no event; {}", ended(&run.run)))
}
