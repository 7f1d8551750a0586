//! Whether a page loads something.

/// What the page would load, if anything: the first place found.
///
/// Links that a person may follow (`<a href>`) load nothing.
pub fn loads(page: &str) -> Option<String> {
    let lower = page.to_lowercase();
    for place in lower.match_indices("url(").map(|(at, _)| at + 4) {
        let target = lower[place..].trim_start_matches(['"', '\'', ' ']);
        if !inside(target) {
            return Some(shown(&lower[place - 4..]));
        }
    }
    if let Some(at) = lower.find("@import") {
        return Some(shown(&lower[at..]));
    }
    lower.split('<').skip(1).find_map(|rest| {
        let tag = rest.split('>').next().unwrap_or_default();
        let name = tag.split(|c: char| !c.is_ascii_alphanumeric()).next().unwrap_or_default();
        let loading =
            ["src", "srcset", "href", "poster", "data", "action"].iter().any(|attribute| {
                let given = value(tag, attribute);
                given.is_some_and(|target| name != "a" && !inside(target))
            });
        loading.then(|| shown(rest))
    })
}

/// Part of the page itself.
fn inside(target: &str) -> bool {
    target.starts_with('#') || target.starts_with("data:")
}

/// The value of an attribute of a tag; without quotes and namespaces.
fn value<'a>(tag: &'a str, attribute: &str) -> Option<&'a str> {
    tag.match_indices(attribute).find_map(|(at, _)| {
        let before = tag[..at].chars().next_back()?;
        let rest = tag[at + attribute.len()..].trim_start().strip_prefix('=')?;
        (before.is_whitespace() || before == ':')
            .then(|| rest.trim_start().trim_start_matches(['"', '\'']))
    })
}

fn shown(text: &str) -> String {
    text.chars().take(60).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_page_loads_is_found() {
        for page in [
            "<script src=\"plot.js\"></script>",
            "<img alt='' src='https://x/y.png'>",
            "<link rel=stylesheet href=style.css>",
            "<style>@import 'a.css'</style>",
            "<style>body { background: url( \"a.png\") }</style>",
            "<svg><image xlink:href=\"http://x/y.png\"/></svg>",
        ] {
            assert!(loads(page).is_some(), "{page}");
        }
    }

    #[test]
    fn what_stands_in_the_page_is_no_load() {
        for page in [
            "<html><style>a { color: red }</style><p>src=x</p></html>",
            "<img src=\"data:image/png;base64,AA==\"><use href='#dot'/>",
            "<a href=\"https://example.org\">more</a>",
            "<svg xmlns=\"http://www.w3.org/2000/svg\" fill=\"url(#fade)\" data-src-count=\"2\"></svg>",
        ] {
            assert_eq!(loads(page), None, "{page}");
        }
    }
}
