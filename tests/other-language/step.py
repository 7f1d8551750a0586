"""A step in another language: is there enough traffic on the stream to judge a model by?

It follows contract/README.md with Python's standard library and kcat (Debian: apt-get install kcat); the numbers
in the comments are the clauses. `make conformance STEP_CMD='python3 tests/other-language/step.py'
CASE=tests/other-language/conformance.env` holds it against them.
"""

import datetime
import hashlib
import html
import json
import os
import re
import signal
import subprocess
import sys
import time

NAME, VERSION, CONTRACT = "check-traffic", "0.1.0", "1.0"
ABOUT = "Decides whether a stream holds enough records to judge a model by"
# One type for each verdict, so that a consumer filters by type and needs no look into the body (4.13).
TYPES = {
    "pass": ("dev.cdeventsx.headgate-traffic.sufficient.0.1.0", "the stream holds enough records"),
    "fail": ("dev.cdeventsx.headgate-traffic.insufficient.0.1.0", "the stream holds too few records"),
    "inconclusive": ("dev.cdeventsx.headgate-traffic.absent.0.1.0", "the stream holds no record"),
}
USAGE, PASSING = 2, 75
EXIT_CODES = {
    0: "a verdict was reached, whichever it is; its event was told",
    USAGE: "wrong usage or configuration; never retried",
    PASSING: "a transient failure, or stopped by SIGTERM; run again",
}
# Name: about, default. Without a default a flag is required.
FLAGS = {
    "release": ("Name of the release this run belongs to", None),
    "stream": ("Name of the stream", None),
    "environment": ("Environment that the events name", "dev"),
    "cause": ("Id of the event that led to this run", ""),
    "outputs": ("Folder that receives the outputs", "/tmp/outputs"),
    "report-address": ("Address of report.html for the events; without it the path of the file", ""),
    "log": ("Log filter, such as info or debug", "info"),
    "brokers": ("Kafka bootstrap servers", None),
    "kafka-config": ("File of librdkafka properties", ""),
    "kafka-timeout": ("How long a broker may be away", "30s"),
    "events-topic": ("Topic that outcome events are told on", "headgate.events"),
    "min-records": ("Fewer records than this fail", "1000"),
}
OUTPUTS = {
    "verdict": ("pass, fail or inconclusive", "inconclusive"),
    "reason": ("One sentence that says why", "the step did not run"),
    "event-id": ("Id of the outcome event", ""),
    "records": ("Records that the stream holds", ""),
}
# These say where to work, not what to decide: they do not change an event's id (4.11).
PLACES = ["outputs", "report-address", "log", "brokers", "kafka-config", "kafka-timeout", "events-topic", "cause"]


class Ended(Exception):
    """Why no verdict was reached: exit code, what is wrong, what to do."""

    def __init__(self, code, what, hint):
        super().__init__(f"error: {what}\nhint: {hint}")
        self.code = code


def main(arguments, environment):
    for word, answer in [("--describe", describe), ("--help", usage), ("--version", version)]:
        if word in arguments:
            print(answer())
            return 0
    try:
        signal.signal(signal.SIGTERM, stopped)
        settings = parse(arguments, environment)
        log(settings, "started", release=settings["release"])
        started = now()
        outcome = decide(settings)
        told = tell(settings, outcome, started)
        print(json.dumps(told["customData"]))
        return 0
    except Ended as ended:
        print(ended, file=sys.stderr)
        return ended.code


# --- 1: how it is started ---


def describe():
    flags = [
        {"name": f"--{name}", "env": variable(name), "about": about, "required": default is None,
         "default": default, "enum": [], "repeatable": False}
        for name, (about, default) in FLAGS.items()
    ]
    return json.dumps({
        "contract": CONTRACT, "name": NAME, "version": VERSION, "about": ABOUT, "flags": flags,
        "outputs": [{"name": n, "about": a, "default": d} for n, (a, d) in OUTPUTS.items()],
        "events": [{"type": t, "about": a, "verdict": verdict} for verdict, (t, a) in TYPES.items()],
        "exit-codes": [{"code": code, "about": about} for code, about in EXIT_CODES.items()],
    })


def usage():
    return "\n".join([ABOUT, ""] + [f"  --{name:16} {about}" for name, (about, _) in FLAGS.items()])


def version():
    return f"{NAME} {VERSION}"


def variable(name):
    return "HEADGATE_" + name.upper().replace("-", "_")


def parse(arguments, environment):
    given = {}
    words = iter(arguments)
    for word in words:
        name, is_joined, value = word.removeprefix("--").partition("=")
        if not word.startswith("--") or name not in FLAGS:
            raise Ended(USAGE, f"unknown argument {word}", "see --help")
        given[name] = value if is_joined else next(words, "")
    settings = {}
    for name, (_, default) in FLAGS.items():
        value = given.get(name) or environment.get(variable(name)) or default
        if value is None:
            raise Ended(USAGE, f"--{name} is missing", f"give it, or set {variable(name)}")
        settings[name] = value
    for name in ["release", "stream", "environment", "events-topic"]:
        if not re.fullmatch(r"[A-Za-z0-9._-]{1,200}", settings[name]):
            raise Ended(USAGE, f"--{name} is no name", "use letters, digits, dots, dashes, underscores")
    settings["kafka-timeout"] = seconds(settings["kafka-timeout"])
    if not settings["min-records"].isdigit():
        raise Ended(USAGE, "--min-records is no whole number", "write digits only")
    return settings


def seconds(text):
    units = {"ms": 0.001, "s": 1, "m": 60, "h": 3600}
    match = re.fullmatch(r"(\d+)(ms|s|m|h)", text)
    if not match:
        raise Ended(USAGE, f"`{text}` is no duration", "write 500ms, 30s, 2m or 1h")
    return int(match[1]) * units[match[2]]


# --- what it decides ---


def decide(settings):
    topic = f"{settings['stream']}.features"
    listed = kcat(settings, "-L", "-J", "-t", topic, "-m", str(max(1, int(settings["kafka-timeout"]))))
    partitions = json.loads(listed)["topics"][0]["partitions"]
    if not partitions:
        raise Ended(USAGE, f"topic {topic} does not exist", "create it, or correct --stream")
    records, ranges = 0, {}
    for done, partition in enumerate(p["partition"] for p in partitions):
        first, end = (offset(settings, topic, partition, which) for which in (-2, -1))
        records, ranges[partition] = records + end - first, [first, end]
        progress(done + 1, len(partitions))
    least = int(settings["min-records"])
    # Nothing there is no evidence of anything: never a pass (3.7).
    verdict = "inconclusive" if records == 0 else "pass" if records >= least else "fail"
    reason = f"the stream holds {records} records, {least} are needed"
    return {"verdict": verdict, "reason": reason, "records": str(records), "ranges": ranges}


def offset(settings, topic, partition, which):
    # Such as `shuttle.features [0] offset 12`.
    limit = str(max(1, int(settings["kafka-timeout"])))
    return int(kcat(settings, "-Q", "-m", limit, "-t", f"{topic}:{partition}:{which}").split()[-1])


# --- 2 and 4: what it leaves and tells ---


def tell(settings, outcome, started):
    event_id = identity(settings)
    files = outputs(outcome, event_id)
    report = json.dumps(record(settings, outcome, event_id, started), indent=2)
    write(settings, "report.json", report)
    write(settings, "report.html", page(outcome, report))
    for name, value in files.items():
        write(settings, name, value)
    body = event(settings, outcome, event_id, files, report)
    send(settings, body)
    log(settings, "told", verdict=outcome["verdict"])
    return body


def outputs(outcome, event_id):
    return {
        "verdict": outcome["verdict"], "reason": outcome["reason"],
        "event-id": event_id, "records": outcome["records"],
    }


def identity(settings):
    """The same for a repeated run: from what decides, never from time or chance (4.6, 4.11)."""
    decides = {name: value for name, value in settings.items() if name not in PLACES}
    return hashlib.sha256(json.dumps([NAME, decides], sort_keys=True).encode()).hexdigest()[:32]


def record(settings, outcome, event_id, started):
    return {
        "contract": CONTRACT, "step": NAME, "version": VERSION, "release": settings["release"],
        "stream": settings["stream"], "environment": settings["environment"],
        "verdict": outcome["verdict"], "reason": outcome["reason"], "event": event_id,
        "flags": {"min-records": [settings["min-records"]]}, "inputs": {},
        "details": {"ranges": outcome["ranges"]}, "started": started, "finished": now(),
    }


def page(outcome, report):
    reason = html.escape(outcome["reason"])
    return f"<!doctype html><html><title>{NAME}</title><h1>{outcome['verdict']}</h1><p>{reason}</p><pre>{html.escape(report)}</pre></html>"


def write(settings, name, content):
    """Whole or not at all (2.7)."""
    os.makedirs(settings["outputs"], exist_ok=True)
    path = os.path.join(settings["outputs"], name)
    with open(path + ".new", "w", encoding="utf-8") as file:
        file.write(content)
    os.rename(path + ".new", path)


def event(settings, outcome, event_id, files, report):
    told = {name: value for name, value in files.items() if name not in ("verdict", "reason", "event-id")}
    cause = settings["cause"]
    return {
        "context": {
            "specversion": "0.5.1", "id": event_id, "source": f"/headgate/{settings['environment']}/{NAME}",
            "type": TYPES[outcome["verdict"]][0], "timestamp": now(),
            **({"links": [{"linkType": "PATH", "from": {"contextId": cause}}]} if cause else {}),
        },
        "subject": {"id": settings["stream"], "content": {}},
        "customData": {
            "contract": CONTRACT, "step": NAME, "step-version": VERSION, "release": settings["release"],
            "stream": settings["stream"], "environment": settings["environment"],
            "verdict": outcome["verdict"], "reason": outcome["reason"], "inputs": {}, "outputs": told,
            "result": result(settings, outcome),
            "report": {
                "digest": "sha256:" + hashlib.sha256(report.encode()).hexdigest(),
                "address": settings["report-address"] or os.path.join(settings["outputs"], "report.html"),
            },
        },
        "customDataContentType": "application/json",
    }


def result(settings, outcome):
    """What was found: numbers as numbers, offsets as ranges with their topic (4.14)."""
    topic = f"{settings['stream']}.features"
    return {
        "records": int(outcome["records"]), "min-records": int(settings["min-records"]),
        "window": [
            {"topic": topic, "partition": partition, "from": first, "to": end}
            for partition, (first, end) in outcome["ranges"].items()
        ],
    }


def headers(body):
    context = body["context"]
    return {
        "ce_specversion": "1.0", "ce_id": context["id"], "ce_type": context["type"],
        "ce_source": context["source"], "ce_subject": body["subject"]["id"],
        "ce_time": context["timestamp"], "content-type": "application/json",
    }


def key(settings):
    return settings["release"]


def send(settings, body):
    marked = [part for name, value in headers(body).items() for part in ("-H", f"{name}={value}")]
    patience = f"message.timeout.ms={int(settings['kafka-timeout'] * 1000)}"
    safe = ["-X", "acks=all", "-X", "enable.idempotence=true", "-X", patience]
    kcat(settings, "-P", "-t", settings["events-topic"], "-k", key(settings), *safe, *marked,
         text=json.dumps(body))


# --- 5 to 7: Kafka, logs, progress, signals ---


def kcat(settings, *arguments, text=""):
    config = settings["kafka-config"]
    if config and not os.access(config, os.R_OK):
        raise Ended(USAGE, f"cannot read --kafka-config {config}", "mount the file")
    secrets = ["-F", config] if config else []
    command = ["kcat", *secrets, "-q", "-b", settings["brokers"], *arguments]
    # kcat gives up at the first broken connection; how long a broker may be away is for the flag to say.
    until = time.monotonic() + settings["kafka-timeout"]
    while True:
        try:
            ran = subprocess.run(command, input=text, text=True, capture_output=True,
                                 timeout=settings["kafka-timeout"] + 2)
        except FileNotFoundError:
            raise Ended(USAGE, "kcat is missing", "apt-get install kcat") from None
        except subprocess.TimeoutExpired:
            raise Ended(PASSING, "the broker did not answer in time", "run the step again") from None
        if ran.returncode == 0:
            return ran.stdout
        # What kcat said may quote the configuration: then it is not shown.
        said = "" if config else ": " + " ".join(ran.stderr.split())[-300:]
        failed = f"kcat {arguments[0]} ended with {ran.returncode}{said}"
        if time.monotonic() >= until:
            raise Ended(PASSING, failed, "is the broker up? then run the step again")
        log(settings, "trying again", failed=failed)
        time.sleep(1)


def log(settings, message, **fields):
    print(json.dumps({"message": message, "step": NAME, **fields}), file=sys.stderr)


def progress(done, total):
    path = os.environ.get("ARGO_PROGRESS_FILE")
    if path:
        with open(path, "w", encoding="utf-8") as file:
            file.write(f"{done}/{total}")


def stopped(_signal, _frame):
    raise Ended(PASSING, "stopped by a signal before a verdict was reached", "run the step again")


def now():
    return datetime.datetime.now(datetime.timezone.utc).isoformat().replace("+00:00", "Z")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))
