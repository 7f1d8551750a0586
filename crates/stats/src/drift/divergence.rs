//! How far apart two distributions are, on a scale that does not depend on the sample sizes.

/// The Jensen-Shannon distance of two lists of proportions over the same bins, base 2: 0 when they
/// agree, 1 when they share no bin. The square root of the mean of the two Kullback-Leibler
/// divergences from their midpoint. Source: Endres and Schindelin, IEEE Transactions on Information
/// Theory 2003. A description for reports; it has no limit of its own here.
pub fn jensen_shannon_distance(p: &[f64], q: &[f64]) -> f64 {
    let half =
        |from: f64, middle: f64| if from > 0.0 { from * (from / middle).log2() } else { 0.0 };
    let divergence: f64 = p
        .iter()
        .zip(q)
        .map(|(&p, &q)| {
            let middle = 0.5 * (p + q);
            0.5 * half(p, middle) + 0.5 * half(q, middle)
        })
        .sum();
    divergence.max(0.0).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::assert_close;

    #[test]
    fn matches_the_oracle_and_its_ends() {
        let distance = jensen_shannon_distance(&[0.5, 0.3, 0.2], &[0.4, 0.35, 0.25]);
        assert_close(distance, 0.0860943534, 1e-10);
        assert_close(jensen_shannon_distance(&[1.0, 0.0], &[0.0, 1.0]), 1.0, 1e-12);
        assert_eq!(jensen_shannon_distance(&[0.2, 0.8], &[0.2, 0.8]), 0.0);
    }
}
