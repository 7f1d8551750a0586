//! Sample pages as a reader sees them, in a real browser.
#![expect(clippy::unwrap_used, reason = "tests")]

mod samples;

use std::path::Path;

#[test]
fn sample_pages_read_well_in_a_browser() {
    // Kept, so that people can look at what was judged.
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("report-pages");
    std::fs::create_dir_all(&folder).unwrap();
    for (name, page) in samples::all() {
        let file = folder.join(format!("{name}.html"));
        std::fs::write(&file, page.render()).unwrap();
        for seen in testkit::browser::assert_reads_well(&file, &folder) {
            assert_eq!(seen.measured.plots.len(), page.plots.len(), "{name}");
            // A percent sign does not leave its number.
            let verdict = seen.measured.verdict.to_lowercase().replace('\u{a0}', " ");
            assert!(verdict.contains(&page.reason.to_lowercase()), "{name}: {verdict}");
            for plot in seen.measured.plots {
                assert!(plot.overlaps.is_empty(), "{name}, {}: {:?}", plot.title, plot.overlaps);
            }
        }
    }
}

#[test]
fn the_browser_finds_a_page_that_does_not_read_well() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("bad.html");
    let body = r#"<main><div style="width:3000px;height:9px;background:red"></div>
        <figure><svg aria-label="flat" width="300" height="10"></svg></figure><p style="color:#999;background:#fff">faint</p><table class="checks"><tr><td class="value" style="position:absolute;left:2000px">hidden</td></tr></table>
        <h1>NaN of sha256:12</h1><p>1 records</p><img src="missing.png"></main>"#;
    std::fs::write(&file, format!("<!DOCTYPE html><html><body>{body}</body></html>")).unwrap();
    let look = testkit::browser::Look::DESKTOP_DARK;
    let seen = testkit::browser::see(&file, look, &folder.path().join("bad.png")).unwrap();
    let faults = seen.faults(look).join("\n");
    for fault in [
        "no verdict",
        "loads 1",
        "content is 3",
        "'flat' is 300 by 10",
        "no marks",
        "ground",
        "stands out of the window",
        "cannot be read whole",
        "less contrast",
        "says 'NaN'",
        "says '1 records'",
        "a headline holds a digest",
    ] {
        assert!(faults.contains(fault), "{fault} is not among\n{faults}");
    }
}
