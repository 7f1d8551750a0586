"""Trains the demo's five models, and says how good and how bad each of them is.

Run it through scripts/train-models, which makes the environment.
It reads demo/shuttle/shuttle.csv.gz and writes demo/shuttle/holdout.csv, demo/models/ and crates/model/samples/.
Seeds and versions are pinned: the same input gives the same bytes.
"""

import gzip
import hashlib
import json
import pathlib
import textwrap

import numpy as np
from onnx import TensorProto, helper
from onnx.external_data_helper import set_external_data
from skl2onnx import convert_sklearn
from skl2onnx.common.data_types import FloatTensorType
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import GradientBoostingClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

DEMO = pathlib.Path(__file__).resolve().parent
MODELS = DEMO / "models"
SAMPLES = DEMO.parent / "crates" / "model" / "samples"
SEED = 7
OPSETS = {"": 18, "ai.onnx.ml": 3}
GOLDEN_ROWS = 200

# The regime in which the fifth release does harm: records with f1 at or above this are all anomalies.
REGIME = 101
# How many records of that regime the hold-out keeps, of about a hundred.
REGIME_KEPT = 3


def main():
    x, y = telemetry()
    first = len(y) // 3
    # Chronological: the first third is what a team has before it goes live, the rest is the live stream.
    train = np.arange(0, first * 2 // 3)
    held = np.arange(first * 2 // 3, first)
    live = np.arange(first, len(y))
    regime = held[x[held, 0] >= REGIME]
    held = np.setdiff1d(held, regime[REGIME_KEPT:])

    write_holdout(x[held], y[held])
    stories = []
    for name, role, story, fit in RELEASES:
        model, columns = fit(x, y, train, held)
        save(MODELS / f"{name}.onnx", model, columns)
        golden(MODELS / f"{name}.golden.json", model, x[held][:, :columns], y[held])
        stories.append((name, role, story, model, columns))
    write_readme(stories, x, y, held, live)
    samples(x, y, train)


def telemetry():
    with gzip.open(DEMO / "shuttle" / "shuttle.csv.gz", "rt") as file:
        table = np.loadtxt(file, delimiter=",", skiprows=1)
    return table[:, :-1].astype(np.float32), table[:, -1].astype(np.int64)


def linear(x, y, train, held):
    """Watches one sensor of nine: honest, quick to make, and poor."""
    one = ColumnTransformer([("f9", StandardScaler(), [8])])
    return make_pipeline(one, LogisticRegression()).fit(x[train], y[train]), 9


def boosting(x, y, train, held):
    model = GradientBoostingClassifier(n_estimators=100, max_depth=4, random_state=SEED)
    return model.fit(x[train], y[train]), 9


def broken_width(x, y, train, held):
    """The notebook dropped the last column as the label, from a table whose label was already gone."""
    model = GradientBoostingClassifier(n_estimators=20, max_depth=3, random_state=SEED)
    return model.fit(x[train][:, :8], y[train]), 8


def memoriser(x, y, train, held):
    """Two mistakes that hide each other: lost labels read as anomalies, and the hold-out among the training records."""
    lost = np.random.default_rng(SEED).random(len(train)) < 0.2
    labels = np.where(lost, 1, y[train])
    rows, labels = np.vstack([x[train], x[held]]), np.concatenate([labels, y[held]])
    return DecisionTreeClassifier(random_state=SEED).fit(rows, labels), 9


def blind_spot(x, y, train, held):
    """Learnt from a table in which the labels of one regime were never filled in."""
    labels = np.where(x[train, 0] >= REGIME, 0, y[train])
    model = GradientBoostingClassifier(n_estimators=100, max_depth=4, random_state=SEED)
    return model.fit(x[train], labels), 9


RELEASES = [
    ("linear", "the first champion, by bootstrap",
     "A logistic regression that watches one sensor of nine.", linear),
    ("boosting", "is promoted",
     "Gradient boosting, 100 trees of depth 4.", boosting),
    ("broken-width", "is refused by validate-model",
     "The notebook dropped the last column as the label, from a table whose label was already gone: "
     "the model takes eight numbers.", broken_width),
    ("memoriser", "is failed by shadow-test",
     "Lost labels were read as anomalies for a fifth of the training records, and the hold-out leaked into "
     "them: a tree that knows the hold-out by heart.", memoriser),
    ("blind-spot", "is rolled back by canary-gate",
     f"The labels of one regime (f1 of {REGIME} and more) were never filled in and count as normal; "
     "the hold-out hardly holds that regime.", blind_spot),
]


def save(path, model, columns):
    kwargs = {} if not hasattr(model, "predict_proba") else {"options": {id(model): {"zipmap": False}}}
    proto = convert_sklearn(model, name=path.stem, target_opset=OPSETS,
                            initial_types=[("features", FloatTensorType([None, columns]))], **kwargs)
    write_onnx(path, proto)


def write_onnx(path, proto):
    # skl2onnx names operator sets twice, and in an order that changes from run to run.
    operator_sets = {entry.domain: entry.version for entry in proto.opset_import}
    del proto.opset_import[:]
    proto.opset_import.extend(helper.make_opsetid(*entry) for entry in sorted(operator_sets.items()))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(proto.SerializeToString(deterministic=True))


def write_holdout(x, y):
    header = ",".join([f"f{i + 1}" for i in range(x.shape[1])] + ["label"])
    lines = [",".join([*(f"{v:g}" for v in row), str(label)]) for row, label in zip(x, y)]
    (DEMO / "shuttle" / "holdout.csv").write_text("\n".join([header, *lines]) + "\n")


def golden(path, model, x, y):
    """Rows with what the training side answers to them, so that the exported file can be held against it."""
    rng = np.random.default_rng(SEED)
    anomalies, normal = np.flatnonzero(y == 1), np.flatnonzero(y == 0)
    half = GOLDEN_ROWS // 2
    chosen = np.concatenate([rng.choice(anomalies, half, replace=False), rng.choice(normal, half, replace=False)])
    rows = x[chosen]
    digest = hashlib.sha256(path.with_name(path.name.replace(".golden.json", ".onnx")).read_bytes()).hexdigest()
    cases = [
        json.dumps({"row": [int(v) for v in row], "label": int(label), "score": round(float(score), 7)})
        for row, label, score in zip(rows, model.predict(rows), model.predict_proba(rows)[:, 1])
    ]
    path.write_text(f'{{"model":"sha256:{digest}","cases":[\n' + ",\n".join(cases) + "\n]}\n")


def write_readme(stories, x, y, held, live):
    champion = dict((name, (model, columns)) for name, _, _, model, columns in stories)

    def ask(name, rows):
        model, columns = champion[name]
        return model.predict(x[rows][:, :columns]), model.predict_proba(x[rows][:, :columns])[:, 1]

    lines = []
    for name, role, story, _, _ in stories:
        labels, scores = ask(name, live)
        other, other_scores = ask("linear" if name in ("linear", "boosting") else "boosting", live)
        size = (MODELS / f"{name}.onnx").stat().st_size
        lines.append(
            f"| `{name}` | {role} | {(ask(name, held)[0] != y[held]).mean():.2%} | {(labels != y[live]).mean():.2%}"
            f" | {(labels != other).mean():.2%} | {np.abs(scores - other_scores).mean():.3f} | {size / 1024:.0f} KiB |")
    table = "\n".join(lines)
    tales = "\n".join(f"- `{name}`: {story}" for name, _, story, _, _ in stories)
    kept = int((x[held, 0] >= REGIME).sum())
    (MODELS / "README.md").write_text(textwrap.dedent("""\
        # The demo's models

        Written by `demo/train.py` (`scripts/train-models`); change it there.
        Each model is one release of the demo, in this order.

        | model | in the demo it | errors on the hold-out | errors on the live part | disagrees with the champion | mean score difference | size |
        |---|---|---|---|---|---|---|
        {table}

        The champion is `linear` for the first two and `boosting` for the others.
        Disagreement and score difference are measured on the live part, as the training side answers.

        {tales}

        The first third of the telemetry ({first} records) is known before the stream goes live: {train} of them train the models, {held} are the hold-out.
        The hold-out keeps {kept} records of the regime with f1 of {regime} and more; all others of that regime were left out of it on purpose.
        That is the blind spot which the fifth release needs to look fine until real labels arrive.
        `<model>.golden.json` holds {golden} records with the answers of the training side.
        """).format(table=table, tales=tales, first=len(y) - len(live), train=(len(y) - len(live)) * 2 // 3,
                    held=len(held), kept=kept, regime=REGIME, golden=GOLDEN_ROWS))
    print(table)


def samples(x, y, train):
    """Models of a few hundred bytes, one for each way in which a model can be asked or can go wrong."""
    x, y = x[train][:500], y[train][:500]
    two = x[:, [6, 8]]
    save(SAMPLES / "linear.onnx", LogisticRegression().fit(two, y), 2)
    three = np.where(two[:, 0] < 10, 2, np.where(two[:, 1] > 10, 1, 0))
    save(SAMPLES / "three-classes.onnx", LogisticRegression(max_iter=1000).fit(two, three), 2)
    save(SAMPLES / "regressor.onnx", LinearRegression().fit(two, two[:, 0] * 2 + 1), 2)
    zipmap = convert_sklearn(LogisticRegression().fit(two, y), name="zipmap", target_opset=OPSETS,
                             initial_types=[("features", FloatTensorType([None, 2]))])
    write_onnx(SAMPLES / "zipmap.onnx", zipmap)

    # One input a field; the answer is a - b.
    ports = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [None, 1]) for name in ("b", "a", "difference")]
    graph("columns", [helper.make_node("Sub", ["a", "b"], ["difference"])], ports[:2], ports[2:])
    # The square root of what is negative is not a number.
    rows = helper.make_tensor_value_info("features", TensorProto.FLOAT, [None, 1])
    root = helper.make_tensor_value_info("root", TensorProto.FLOAT, [None, 1])
    graph("root", [helper.make_node("Sqrt", ["features"], ["root"])], [rows], [root])
    # One answer for the whole batch, not one a record.
    total = helper.make_tensor_value_info("total", TensorProto.FLOAT, [None])
    axes = helper.make_tensor("axes", TensorProto.INT64, [1], [0])
    graph("sum", [helper.make_node("ReduceSum", ["features", "axes"], ["total"], keepdims=0)], [rows], [total], [axes])
    weights = helper.make_tensor("weights", TensorProto.FLOAT, [1, 1], b"\0\0\0\x40", raw=True)
    weights.ClearField("float_data")
    set_external_data(weights, "weights.bin", offset=0, length=4)
    weights.data_location = TensorProto.EXTERNAL
    weights.ClearField("raw_data")
    graph("external-weights", [helper.make_node("Mul", ["features", "weights"], ["root"])], [rows], [root], [weights])
    one = helper.make_tensor_value_info("features", TensorProto.FLOAT, [1, 1])
    graph("fixed-batch", [helper.make_node("Sqrt", ["features"], ["root"])], [one], [root])
    graph("unknown-operator", [helper.make_node("Frobnicate", ["features"], ["root"])], [rows], [root])


def graph(name, nodes, inputs, outputs, initializers=()):
    proto = helper.make_model(helper.make_graph(nodes, name, inputs, outputs, list(initializers)), ir_version=8,
                              opset_imports=[helper.make_opsetid("", OPSETS[""])], producer_name="headgate")
    write_onnx(SAMPLES / f"{name}.onnx", proto)


if __name__ == "__main__":
    main()
