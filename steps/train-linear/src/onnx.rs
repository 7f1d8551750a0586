//! The fitted model as an ONNX file, written field by field.
//!
//! Field numbers are those of the public `onnx.proto`, wire format that of the protobuf encoding guide.  The graph
//! has the ports that scikit-learn's exports have: `input` float [N, k], `label` int64 [N], `probabilities`
//! float [N, 2].

use crate::linear::Linear;

/// The operators below mean the same in every set from 13 on.
const OPERATOR_SET: u64 = 13;
/// The version of the file format that came with that set.
const IR_VERSION: u64 = 7;

const FLOAT: u64 = 1;
const INT64: u64 = 7;
const ATTRIBUTE_IS_INT: u64 = 2;

/// The bytes of the file; the same model gives the same bytes.
pub(crate) fn encode(model: &Linear) -> Vec<u8> {
    let width = model.weight.len();
    let graph = Message::default()
        .part(1, node("Sub", &["input", "mean"], "centred", &[]))
        .part(1, node("Mul", &["centred", "scale"], "standard", &[]))
        .part(1, node("MatMul", &["standard", "weight"], "weighted", &[]))
        .part(1, node("Add", &["weighted", "bias"], "logit", &[]))
        .part(1, node("Sigmoid", &["logit"], "one", &[]))
        .part(1, node("Sub", &["whole", "one"], "zero", &[]))
        .part(1, node("Concat", &["zero", "one"], "probabilities", &[("axis", 1)]))
        .part(1, node("ArgMax", &["probabilities"], "label", &[("axis", 1), ("keepdims", 0)]))
        .text(2, "train-linear")
        .part(5, tensor("mean", &[width], &model.mean))
        .part(5, tensor("scale", &[width], &model.scale))
        .part(5, tensor("weight", &[width, 1], &model.weight))
        .part(5, tensor("bias", &[1], &[model.bias]))
        .part(5, tensor("whole", &[1], &[1.0]))
        .part(11, port("input", FLOAT, Some(width)))
        .part(12, port("label", INT64, None))
        .part(12, port("probabilities", FLOAT, Some(2)));
    Message::default()
        .number(1, IR_VERSION)
        .text(2, "headgate train-linear")
        .part(7, graph)
        .part(8, Message::default().number(2, OPERATOR_SET))
        .0
}

/// A protobuf message as it grows.
#[derive(Default)]
struct Message(Vec<u8>);

impl Message {
    fn number(mut self, field: u64, value: u64) -> Self {
        self.varint(field << 3);
        self.varint(value);
        self
    }

    fn bytes(mut self, field: u64, value: &[u8]) -> Self {
        self.varint(field << 3 | 2);
        self.varint(value.len() as u64);
        self.0.extend_from_slice(value);
        self
    }

    fn text(self, field: u64, value: &str) -> Self {
        self.bytes(field, value.as_bytes())
    }

    fn part(self, field: u64, value: Message) -> Self {
        self.bytes(field, &value.0)
    }

    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
    }
}

fn node(operator: &str, inputs: &[&str], output: &str, attributes: &[(&str, u64)]) -> Message {
    let node = inputs.iter().fold(Message::default(), |node, input| node.text(1, input));
    let node = node.text(2, output).text(3, output).text(4, operator);
    attributes.iter().fold(node, |node, (name, value)| {
        let attribute = Message::default().text(1, name).number(3, *value);
        node.part(5, attribute.number(20, ATTRIBUTE_IS_INT))
    })
}

fn tensor(name: &str, shape: &[usize], numbers: &[f32]) -> Message {
    let raw: Vec<u8> = numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
    let shape =
        shape.iter().fold(Message::default(), |tensor, size| tensor.number(1, *size as u64));
    shape.number(2, FLOAT).text(8, name).bytes(9, &raw)
}

/// An input or output: any number of rows, each of `width` numbers, or each a number.
fn port(name: &str, element: u64, width: Option<usize>) -> Message {
    let rows = Message::default().part(1, Message::default().text(2, "N"));
    let shape = match width {
        Some(width) => rows.part(1, Message::default().number(1, width as u64)),
        None => rows,
    };
    let tensor = Message::default().number(1, element).part(2, shape);
    Message::default().text(1, name).part(2, Message::default().part(1, tensor))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    fn model() -> Linear {
        Linear {
            mean: vec![10.0, -3.0],
            scale: vec![0.5, 0.0],
            weight: vec![2.0, 7.0],
            bias: -0.25,
        }
    }

    #[test]
    fn the_engine_loads_the_file_and_answers_as_the_fit_does() {
        let model = model();
        let mut loaded = model::Model::from_bytes(&encode(&model)).unwrap();
        let ports: Vec<String> =
            loaded.inputs().iter().chain(loaded.outputs()).map(ToString::to_string).collect();
        assert_eq!(
            ports,
            ["`input` float32[N, 2]", "`label` int64[N]", "`probabilities` float32[N, 2]"]
        );
        let rows = [9.0, 1.0, 10.0, 1.0, 10.3, -50.0, 12.0, 0.0];
        let answers = loaded.answer(&rows, 4).unwrap();
        assert_eq!(answers.labels, Some(vec![0, 0, 1, 1]));
        for (row, score) in rows.chunks(2).zip(&answers.score) {
            assert!((model.answer(row) - f64::from(*score)).abs() < 1e-6, "{row:?}: {score}");
        }
    }

    #[test]
    fn the_same_model_is_the_same_file() {
        assert_eq!(encode(&model()), encode(&model()));
        assert_ne!(encode(&model()), encode(&Linear { bias: 0.0, ..model() }));
    }
}
