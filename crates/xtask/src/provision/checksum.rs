//! SHA-256 of fetched files, for pinning and for the record.

use std::fmt::Write as _;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use sha2::{Digest, Sha256};

use super::RecordedFile;
use crate::failure::Failure;

/// The file's name and checksum.
pub(super) fn recorded(path: &Path) -> Result<RecordedFile, Failure> {
    Ok(RecordedFile {
        name: path
            .file_name()
            .map(|name| name.to_string_lossy().into_owned())
            .unwrap_or_default(),
        sha256: sha256(path)?,
    })
}

/// Refuses a file that is not the pinned one.
pub(super) fn verify(path: &Path, expected: &str) -> Result<(), Failure> {
    let found = sha256(path)?;
    if found == expected {
        return Ok(());
    }
    Err(Failure::Checksum {
        path: path.to_path_buf(),
        expected: expected.to_owned(),
        found,
    })
}

fn sha256(path: &Path) -> Result<String, Failure> {
    let mut file = File::open(path).map_err(Failure::file("open", path))?;
    let mut digest = Sha256::new();
    let mut buffer = vec![0; 1 << 20];
    loop {
        let read = file
            .read(&mut buffer)
            .map_err(Failure::file("read", path))?;
        if read == 0 {
            break;
        }
        digest.update(&buffer[..read]);
    }
    Ok(digest
        .finalize()
        .iter()
        .fold(String::new(), |mut text, byte| {
            // Writing into a String cannot fail.
            let _ = write!(text, "{byte:02x}");
            text
        }))
}

#[cfg(test)]
mod tests {
    use super::{sha256, verify};

    #[test]
    fn a_file_that_differs_from_its_pin_is_refused() {
        let path = std::env::temp_dir().join(format!("checksum-{}", std::process::id()));
        std::fs::write(&path, "abc").unwrap();
        let known = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(sha256(&path).unwrap(), known);
        verify(&path, known).unwrap();
        std::fs::write(&path, "abd").unwrap();
        let refused = verify(&path, known).unwrap_err().to_string();
        std::fs::remove_file(&path).unwrap();
        assert!(refused.contains(known), "{refused}");
    }
}
