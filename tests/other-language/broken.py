"""The step of step.py, broken on purpose: BREAK=<clause> breaks that clause of the contract and no other."""

import json
import os
import sys
import uuid

import step


def changed(function, change):
    """`function`, with `change` applied to what it returns."""
    return lambda *arguments, **named: change(function(*arguments, **named))


def body(change):
    """Changes the event's body."""
    def apply(told):
        change(told)
        return told
    step.event = changed(step.event, apply)


def files(change):
    """Changes the output files, not what the event and the record tell."""
    write = step.write
    step.write = lambda settings, name, content: write(settings, name, change(name, content))


def description(change):
    def apply(text):
        told = json.loads(text)
        change(told)
        return json.dumps(told)
    step.describe = changed(step.describe, apply)


def only(wanted, to):
    return lambda name, content: to if name == wanted else content


def lenient(settings_of):
    parse = step.parse
    step.parse = lambda arguments, environment: parse(*settings_of(arguments, environment))


def twice():
    send = step.send
    step.send = lambda settings, told: (send(settings, told), send(settings, told))


def verdict_exits_with(code):
    main = step.main
    asked = ("--describe", "--help", "--version")
    step.main = lambda arguments, environment: (
        (main(arguments, environment) or code) if not set(asked) & set(arguments) else main(arguments, environment)
    )


def broker_away_exits_with(code):
    kcat = step.kcat
    def away(settings, *arguments, **named):
        try:
            return kcat(settings, *arguments, **named)
        except step.Ended as ended:
            raise step.Ended(code, "the broker is away", "") if "kcat" in str(ended) else ended
    step.kcat = away


def environment_wins(arguments, environment):
    name = "HEADGATE_ENVIRONMENT"
    kept = [word for word in arguments if name not in environment or not word.startswith("--environment")]
    return kept, environment


def environment_not_read(arguments, environment):
    return arguments, {name: value for name, value in environment.items() if name != "HEADGATE_ENVIRONMENT"}


def without_sigterm():
    step.signal.signal = lambda *_: None


def litter():
    decide = step.decide
    def decide_and_write(settings):
        os.chmod(".", 0o755)
        with open("left-behind", "w", encoding="utf-8"):
            return decide(settings)
    step.decide = decide_and_write


def show_config():
    decide = step.decide
    def decide_and_show(settings):
        if os.path.exists(settings["kafka-config"]):
            with open(settings["kafka-config"], encoding="utf-8") as file:
                print(json.dumps({"message": file.read()}), file=sys.stderr)
        return decide(settings)
    step.decide = decide_and_show


def no_config_needed():
    kcat = step.kcat
    def without(settings, *arguments, **named):
        there = settings["kafka-config"] if os.path.exists(settings["kafka-config"]) else ""
        return kcat({**settings, "kafka-config": there}, *arguments, **named)
    step.kcat = without


def page_that_loads():
    step.page = changed(step.page, lambda page: page.replace("<h1>", "<img src='https://example.org/a.png'><h1>"))


def record_without(field):
    def apply(record):
        del record[field]
        return record
    step.record = changed(step.record, apply)


BREAKS = {
    "1.1": lambda: description(lambda told: told.pop("exit-codes")),
    "1.2": lambda: description(lambda told: told["flags"].remove(next(f for f in told["flags"] if f["name"] == "--cause"))),
    "1.3": lambda: setattr(step, "usage", lambda: ""),
    "1.4": lambda: setattr(step, "version", lambda: step.NAME),
    "1.5": lambda: lenient(lambda arguments, environment: ([a for a in arguments if "no-such" not in a], environment)),
    "1.6": lambda: step.FLAGS.update(release=(step.FLAGS["release"][0], "some-release")),
    "1.7": lambda: lenient(environment_not_read),
    "1.8": lambda: lenient(environment_wins),
    "2.1": lambda: step.OUTPUTS.update(offsets=("Offsets that were counted", "")),
    "2.2": lambda: files(lambda name, content: content.replace("\n", "") + " " if name == "verdict" else content),
    "2.3": lambda: record_without("inputs"),
    "2.4": page_that_loads,
    "2.5": litter,
    "2.6": lambda: setattr(step, "decide", changed(step.decide, lambda outcome: {**outcome, "reason": "few\nrecords"})),
    "3.1": lambda: verdict_exits_with(1),
    "3.2": lambda: setattr(step, "log", lambda settings, message, **_: print(message)),
    "4.1": twice,
    "4.2": lambda: setattr(step, "key", lambda settings: settings["stream"]),
    "4.3": lambda: setattr(step, "headers", changed(step.headers, lambda headers: {**headers, "ce_specversion": "0.3"})),
    "4.4": lambda: body(lambda told: told.pop("customDataContentType")),
    "4.5": lambda: files(only("event-id", "another-id")),
    "4.6": lambda: setattr(step, "identity", lambda settings: uuid.uuid4().hex),
    "4.7": lambda: body(lambda told: told["context"].update(type="dev.cdeventsx.headgate-traffic.measured.0.1.0")),
    "4.8": lambda: body(lambda told: told["context"].pop("links")),
    "4.9": lambda: body(lambda told: told["customData"]["report"].update(digest="sha256:" + 64 * "0")),
    "4.10": lambda: body(lambda told: told["context"].update(source="/headgate/conformance/another-step")),
    "4.13": lambda: description(lambda told: [event.update(verdict="fail") for event in told["events"]]),
    "5.1": lambda: broker_away_exits_with(1),
    "5.2": show_config,
    "5.3": no_config_needed,
    "6.2": lambda: setattr(step, "progress", lambda done, total: open(os.environ["ARGO_PROGRESS_FILE"], "w").write("50%")),
    "7.1": without_sigterm,
}

if __name__ == "__main__":
    BREAKS[os.environ["BREAK"]]()
    sys.exit(step.main(sys.argv[1:], os.environ))
