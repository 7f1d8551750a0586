"""A stream scorer as a team writes it in Python: the peer that `scorer` is measured against.

It takes up to 500 records at a time, answers them in one call of the engine, writes predictions with the same headers as
the scorer, and commits the input offsets once the predictions have arrived: at least once.
It is written to be fast: orjson, one array a batch, text by f-strings, no work left in the loop that could be outside.
"""

import argparse
import hashlib
import json
import signal
import time

import numpy as np
import onnxruntime
import orjson
from confluent_kafka import Consumer, Producer, TopicPartition

BATCH = 500
COMMIT_EVERY_SECONDS = 1.0


def main() -> None:
    args = arguments()
    with open(args.schema, encoding="utf-8") as file:
        fields = [field["name"] for field in json.load(file)["fields"]]
    with open(args.model, "rb") as file:
        digest = "sha256:" + hashlib.sha256(file.read()).hexdigest()
    answer = engine(args.model)
    parse = {"orjson": orjson.loads, "json": json.loads}[args.json]
    common = {"bootstrap.servers": args.brokers}
    extra = dict(setting.split("=", 1) for setting in args.setting)
    consumer = Consumer(
        common
        | {
            "group.id": args.group,
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
            "partition.assignment.strategy": "cooperative-sticky",
        }
        | extra
    )
    producer = Producer(common | {"acks": "all", "linger.ms": 5})
    source_topic, target = f"{args.stream}.features", f"{args.stream}.predictions"
    constant = [("model", digest), ("variant", "champion"), ("generation", str(args.generation))]
    consumer.subscribe([source_topic])
    ending = []
    signal.signal(signal.SIGTERM, lambda *_: ending.append(True))

    done, committed, next_offsets = 0, time.monotonic(), {}
    while not ending and (args.count == 0 or done < args.count):
        messages = consumer.consume(BATCH, timeout=0.05)
        if messages:
            rows = []
            for message in messages:
                if message.error():
                    raise SystemExit(str(message.error()))
                record = parse(message.value())
                rows.append([record[field] for field in fields])
            labels, scores = answer(np.array(rows, dtype=np.float32))
            for message, label, score in zip(messages, labels, scores):
                partition, offset = message.partition(), message.offset()
                headers = constant + [
                    ("source", f"{source_topic}/{partition}/{offset}"),
                    ("id", f"{partition}-{offset}"),
                ]
                value = f'{{"label":{label},"score":{score!r}}}'
                produce(producer, target, value, message.key(), partition, headers)
                next_offsets[partition] = offset + 1
            producer.poll(0)
            done += len(messages)
        if next_offsets and (
            time.monotonic() - committed >= COMMIT_EVERY_SECONDS or done == args.count
        ):
            commit(consumer, producer, source_topic, next_offsets)
            committed, next_offsets = time.monotonic(), {}
    if next_offsets:
        commit(consumer, producer, source_topic, next_offsets)
    print(f"done {time.time()!r}", flush=True)
    consumer.close()


def engine(path: str):
    """The model as a function from rows to labels and scores, both as Python lists."""
    options = onnxruntime.SessionOptions()
    # Measured: with small batches on two shared cores one thread is faster than the default.
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name

    def answer(rows):
        labels, probabilities = session.run(None, {name: rows})
        return labels.tolist(), probabilities[:, 1].tolist()

    return answer


def produce(producer, topic, value, key, partition, headers) -> None:
    while True:
        try:
            producer.produce(topic, value, key, partition, headers=headers)
            return
        except BufferError:
            producer.poll(0.01)


def commit(consumer, producer, topic, next_offsets) -> None:
    """Only after the predictions have arrived, else a crash would lose records."""
    if producer.flush(30) > 0:
        raise SystemExit("predictions did not arrive")
    offsets = [TopicPartition(topic, p, offset) for p, offset in next_offsets.items()]
    consumer.commit(offsets=offsets, asynchronous=False)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--brokers", required=True)
    parser.add_argument("--stream", required=True)
    parser.add_argument("--group", required=True)
    parser.add_argument("--model", required=True, help="the ONNX file")
    parser.add_argument("--schema", required=True)
    parser.add_argument("--generation", type=int, default=1)
    parser.add_argument("--count", type=int, default=0, help="end after so many records; 0: never")
    parser.add_argument("--json", choices=["orjson", "json"], default="orjson", help="what parses")
    parser.add_argument("--setting", action="append", default=[], help="of the consumer, key=value")
    return parser.parse_args()


if __name__ == "__main__":
    main()
