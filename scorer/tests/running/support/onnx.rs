//! Small models, written byte by byte: `y = f(x)` for one number a record.

/// The file of a model that answers `op` of a record's one number, such as `Identity`, `Neg` or `Sqrt`.
pub(crate) fn one_operator(op: &str) -> Vec<u8> {
    model(&[node(op, &["x"], "y", &[])], &[])
}

/// Answers `x`, but never ends where a record of the batch is `bad`.
pub(crate) fn endless_at(bad: f32) -> Vec<u8> {
    let scalar = |name: &str, kind| {
        [text(1, name), bytes(2, &bytes(1, &[number(1, kind), bytes(2, &[])].concat()))].concat()
    };
    let body = [
        bytes(1, &node("Identity", &["go_on"], "go_on_still", &[])),
        bytes(1, &node("Identity", &["before"], "after", &[])),
        text(2, "body"),
        bytes(11, &scalar("round", INT64)),
        bytes(11, &scalar("go_on", BOOL)),
        bytes(11, &port("before")),
        bytes(12, &scalar("go_on_still", BOOL)),
        bytes(12, &port("after")),
    ]
    .concat();
    let body = attribute("body", [bytes(6, &body), number(20, 5)]);
    let nodes = [
        node("Equal", &["x", "bad"], "is_bad", &[]),
        node("Cast", &["is_bad"], "bad_number", &[integer("to", FLOAT)]),
        node("ReduceMax", &["bad_number"], "any_bad", &[integer("keepdims", 0)]),
        node("Cast", &["any_bad"], "go", &[integer("to", BOOL)]),
        node("Loop", &["", "go", "x"], "y", &[body]),
    ];
    model(&nodes, &[constant("bad", bad)])
}

/// Answers `x`, and takes four bytes of memory for each whole number up to the largest `x` of the batch.
pub(crate) fn hungry() -> Vec<u8> {
    let nodes = [
        node("ReduceMax", &["x"], "most", &[integer("keepdims", 0)]),
        node("Max", &["most", "nothing"], "positive", &[]),
        node("Cast", &["positive"], "whole", &[integer("to", INT64)]),
        node("Reshape", &["whole", "one"], "shape", &[]),
        node("ConstantOfShape", &["shape"], "filled", &[]),
        node("ReduceSum", &["filled"], "zero", &[integer("keepdims", 0)]),
        node("Add", &["x", "zero"], "y", &[]),
    ];
    model(&nodes, &[constant("nothing", 0.0), integers("one", &[1])])
}

/// Answers `x`, in a time that grows with the square of the largest `x`, all of it within one operator: so many boxes,
/// none of which overlaps another, are compared two by two.
pub(crate) fn long_within_one_operator() -> Vec<u8> {
    let nodes = [
        node("ReduceMax", &["x"], "most", &[integer("keepdims", 0)]),
        node("Max", &["most", "one"], "count", &[]),
        node("Range", &["nothing", "count", "one"], "line", &[]),
        node("Reshape", &["line", "as_column"], "top", &[]),
        node("Add", &["top", "half"], "bottom", &[]),
        node("Mul", &["top", "nothing"], "left", &[]),
        node("Add", &["left", "one"], "right", &[]),
        joined(&["top", "left", "bottom", "right"], "boxes"),
        node("Reshape", &["right", "as_row"], "scores", &[]),
        node("NonMaxSuppression", &["boxes", "scores", "all"], "selected", &[]),
        node("ReduceMax", &["selected"], "last", &[integer("keepdims", 0)]),
        node("Cast", &["last"], "number", &[integer("to", FLOAT)]),
        node("Mul", &["number", "nothing"], "zero", &[]),
        node("Add", &["x", "zero"], "y", &[]),
    ];
    let constants = [
        constant("nothing", 0.0),
        constant("half", 0.5),
        constant("one", 1.0),
        integers("as_column", &[1, -1, 1]),
        integers("as_row", &[1, 1, -1]),
        integers("all", &[i64::from(i32::MAX)]),
    ];
    model(&nodes, &constants)
}

/// Answers `x`, and declares that it answers one row only.
pub(crate) fn declared_as_one_row() -> Vec<u8> {
    let one = [bytes(1, &number(1, 1)), bytes(1, &number(1, 1))].concat();
    let tensor = [number(1, FLOAT), bytes(2, &one)].concat();
    let port_of_one_row = [text(1, "y"), bytes(2, &bytes(1, &tensor))].concat();
    let shape_of = node("Shape", &["x"], "shape", &[]);
    // Hidden from the engine's own inference of shapes, which would refuse the model.
    let nodes = [shape_of, node("Reshape", &["x", "shape"], "y", &[])];
    model_with(&nodes, &[], &port_of_one_row)
}

// The types of elements, by their number in onnx.proto; the field numbers below are from there too.
const FLOAT: u64 = 1;
const INT64: u64 = 7;
const BOOL: u64 = 9;

fn model(nodes: &[Vec<u8>], constants: &[Vec<u8>]) -> Vec<u8> {
    model_with(nodes, constants, &port("y"))
}

fn model_with(nodes: &[Vec<u8>], constants: &[Vec<u8>], output: &[u8]) -> Vec<u8> {
    let mut graph: Vec<u8> = nodes.iter().flat_map(|node| bytes(1, node)).collect();
    graph.extend(text(2, "graph"));
    graph.extend(constants.iter().flat_map(|constant| bytes(5, constant)));
    graph.extend([bytes(11, &port("x")), bytes(12, output)].concat());
    let operators = number(2, 13);
    [number(1, 8), bytes(7, &graph), bytes(8, &operators)].concat()
}

fn node(op: &str, inputs: &[&str], output: &str, attributes: &[Vec<u8>]) -> Vec<u8> {
    let mut node: Vec<u8> = inputs.iter().flat_map(|input| text(1, input)).collect();
    node.extend([text(2, output), text(4, op)].concat());
    node.extend(attributes.iter().flat_map(|attribute| bytes(5, attribute)));
    node
}

fn integer(name: &str, value: u64) -> Vec<u8> {
    attribute(name, [number(3, value), number(20, 2)])
}

fn attribute(name: &str, value: [Vec<u8>; 2]) -> Vec<u8> {
    [text(1, name), value.concat()].concat()
}

fn constant(name: &str, value: f32) -> Vec<u8> {
    [number(2, FLOAT), text(8, name), bytes(9, &value.to_le_bytes())].concat()
}

fn integers(name: &str, values: &[i64]) -> Vec<u8> {
    let raw: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    [number(1, values.len() as u64), number(2, INT64), text(8, name), bytes(9, &raw)].concat()
}

/// Several tensors side by side, along their third dimension.
fn joined(inputs: &[&str], output: &str) -> Vec<u8> {
    node("Concat", inputs, output, &[integer("axis", 2)])
}

/// A tensor of N rows with one number each.
fn port(name: &str) -> Vec<u8> {
    let shape = [bytes(1, &text(2, "N")), bytes(1, &number(1, 1))].concat();
    let tensor = [number(1, FLOAT), bytes(2, &shape)].concat();
    [text(1, name), bytes(2, &bytes(1, &tensor))].concat()
}

fn number(field: u64, value: u64) -> Vec<u8> {
    [varint(field << 3), varint(value)].concat()
}

fn text(field: u64, value: &str) -> Vec<u8> {
    bytes(field, value.as_bytes())
}

fn bytes(field: u64, value: &[u8]) -> Vec<u8> {
    [varint(field << 3 | 2), varint(value.len() as u64), value.to_vec()].concat()
}

fn varint(mut value: u64) -> Vec<u8> {
    let mut out = Vec::new();
    while value >= 0x80 {
        out.push((value as u8) | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
    out
}
