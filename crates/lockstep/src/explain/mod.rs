//! The pages that explain codes: what one means, how to see it, how to mend it.
//! They are part of the binary, since the machine on which something fails at night may have nothing else.

#[cfg(test)]
mod tests;

/// Code and text of every page, sorted by code.
const PAGES: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/pages.rs"));

/// One page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct Page {
    pub code: &'static str,
    pub title: &'static str,
    pub text: &'static str,
}

impl Page {
    fn new(code: &'static str, text: &'static str) -> Self {
        let heading = text.lines().next().unwrap_or_default();
        let title = heading.split_once(": ").map_or("", |(_, title)| title);
        Self { code, title, text }
    }
}

/// The page of a code, in any case of letters.
pub fn page(code: &str) -> Option<Page> {
    PAGES
        .iter()
        .find(|(known, _)| known.eq_ignore_ascii_case(code))
        .map(|(code, text)| Page::new(code, text))
}

/// All pages, sorted by code.
pub fn pages() -> impl Iterator<Item = Page> {
    PAGES.iter().map(|(code, text)| Page::new(code, text))
}
