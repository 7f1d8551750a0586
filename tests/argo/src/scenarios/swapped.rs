//! A team's own shadow test, in Python: a WorkflowTemplate of the same name in a namespace of its own kind.

use super::{RELEASE, check, check_told, release, with_champion};
use crate::world::World;

pub(super) fn run(world: &World) -> anyhow::Result<()> {
    let swapped = world.with_own_shadow_test()?;
    let stream = with_champion(&swapped, "swapped", "linear")?;
    let release = release(&swapped, &stream, "boosting", &[])?;
    check(&release.end(RELEASE)?, "Succeeded", &[])?;
    let steps = [
        "validate-model",
        "build-image",
        "check-traffic",
        "canary-gate",
        "promote",
        "rollback",
        "conclude",
    ];
    check_told(&stream, &release, &steps)?;
    stream.audit()?;
    swapped.remove_namespace();
    Ok(())
}
