//! Models of one operator, written byte by byte: `y = op(x)` for one number a record.

/// The file of a model that answers `op` of a record's one number, such as `Identity`, `Neg` or `Sqrt`.
pub(crate) fn one_operator(op: &str) -> Vec<u8> {
    // Field numbers are those of ONNX's onnx.proto.
    let node = [text(1, "x"), text(2, "y"), text(4, op)].concat();
    let rows = text(2, "N");
    let shape = [bytes(1, &rows), bytes(1, &number(1, 1))].concat();
    let tensor = [number(1, 1), bytes(2, &shape)].concat();
    let port = |name: &str| [text(1, name), bytes(2, &bytes(1, &tensor))].concat();
    let graph = [bytes(1, &node), text(2, "graph"), bytes(11, &port("x")), bytes(12, &port("y"))];
    let operators = number(2, 13);
    [number(1, 8), bytes(7, &graph.concat()), bytes(8, &operators)].concat()
}

fn number(field: u8, value: u64) -> Vec<u8> {
    [vec![field << 3], varint(value)].concat()
}

fn text(field: u8, value: &str) -> Vec<u8> {
    bytes(field, value.as_bytes())
}

fn bytes(field: u8, value: &[u8]) -> Vec<u8> {
    [vec![field << 3 | 2], varint(value.len() as u64), value.to_vec()].concat()
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
