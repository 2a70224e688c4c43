//! Takes up every page of `explain/`, so that adding a page is adding a file.
//! The list is sorted, so that the same files always give the same binary.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::{env, fs, io};

fn main() -> io::Result<()> {
    let folder =
        PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").expect("cargo names the package's folder"))
            .join("explain");
    println!("cargo::rerun-if-changed={}", folder.display());
    let mut codes = Vec::new();
    for entry in fs::read_dir(&folder)? {
        let name = entry?.file_name();
        let Some(name) = name.to_str() else { continue };
        if let Some(code) = name
            .strip_suffix(".md")
            .filter(|code| code.starts_with("LS"))
        {
            codes.push(code.to_string());
        }
    }
    codes.sort();
    let mut source = String::from("&[\n");
    for code in codes {
        let file = folder.join(format!("{code}.md"));
        writeln!(source, "    ({code:?}, include_str!({file:?})),")
            .expect("a String takes every text");
    }
    source.push(']');
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo names the build script's folder"));
    fs::write(out.join("pages.rs"), source)
}
