//! Whether there is enough to learn from: pure.

use report::count;

use crate::linear::Rows;
use crate::sample::Counts;

/// Which of the labelled records are learnt from: the oldest two thirds.  The newest third is held out, for a model
/// is judged on what comes after it.
pub(crate) fn learnt(labelled: usize) -> usize {
    labelled - labelled / 3
}

/// Why nothing can be learnt, if so.
pub(crate) fn too_little(counts: &Counts, learnt: Rows<'_>, min_records: u64) -> Option<String> {
    let (labelled, readable) = (count(counts.labelled), count(counts.readable));
    if counts.other_classes > 0 {
        let strange = count(counts.other_classes);
        return Some(format!(
            "{strange} labels are neither 0 nor 1; this trainer knows two classes"
        ));
    }
    if counts.labelled < min_records {
        let least = count(min_records);
        return Some(format!(
            "{labelled} of {readable} records have a label; at least {least} must"
        ));
    }
    match learnt.ones() {
        0 => {
            Some(format!("all {} records to learn from are of class 0", count(learnt.len() as u64)))
        }
        ones if ones == learnt.len() => {
            Some(format!("all {} records to learn from are of class 1", count(learnt.len() as u64)))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn enough_labels_of_both_classes() {
        let both = [0_u8, 1, 0, 1];
        for (labelled, other_classes, labels, reason) in [
            (40, 0, &both[..], None),
            (29, 0, &both, Some("29 of 60 records have a label; at least 30 must")),
            (0, 0, &[], Some("0 of 60 records have a label")),
            (40, 2, &both, Some("2 labels are neither 0 nor 1")),
            (40, 0, &[0, 0], Some("all 2 records to learn from are of class 0")),
            (40, 0, &[1, 1, 1], Some("all 3 records to learn from are of class 1")),
        ] {
            let counts = Counts { readable: 60, labelled, other_classes, ..Counts::default() };
            let numbers = vec![0.0; labels.len()];
            let found = too_little(&counts, Rows { numbers: &numbers, labels, width: 1 }, 30);
            match (found, reason) {
                (None, None) => {}
                (Some(found), Some(reason)) => assert!(found.starts_with(reason), "{found}"),
                (found, reason) => panic!("{found:?}, not {reason:?}"),
            }
        }
    }

    #[test]
    fn a_third_is_held_out() {
        assert_eq!([0, 1, 2, 3, 100].map(learnt), [0, 1, 2, 2, 67]);
    }
}
