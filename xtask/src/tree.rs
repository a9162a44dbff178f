//! The files of the repository: tracked ones, and new ones that nothing ignores.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};

/// The largest file that is read as text, in bytes.
const TEXT_BYTES_MAX: u64 = 4 * 1024 * 1024;

/// A text file.
#[derive(Clone, Debug)]
pub(crate) struct TextFile {
    /// The path from the root, with `/`.
    pub(crate) path: String,
    /// The text.
    pub(crate) text: String,
}

impl TextFile {
    /// Tells whether the name ends with a dot and this extension.
    pub(crate) fn has_extension(&self, extension: &str) -> bool {
        Path::new(&self.path).extension().is_some_and(|found| found == extension)
    }

    /// Tells the folder of the file; empty for one at the root.
    pub(crate) fn folder(&self) -> &str {
        self.path.rsplit_once('/').map_or("", |(folder, _)| folder)
    }
}

/// Every file of the repository.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tree {
    /// The text files, by path.
    pub(crate) files: Vec<TextFile>,
    /// Every path, of binary files too, and every folder.
    paths: BTreeSet<String>,
}

impl Tree {
    /// Reads the files that git knows or would take.
    pub(crate) fn read(root: &Path) -> Result<Self> {
        let listed = Command::new("git")
            .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
            .current_dir(root)
            .output()
            .context("git cannot be run")?;
        if !listed.status.success() {
            bail!("git ls-files failed: {}", String::from_utf8_lossy(&listed.stderr).trim());
        }
        let names = String::from_utf8(listed.stdout).context("a file's name is not UTF-8")?;
        let mut tree = Self::default();
        for name in names.split('\0').filter(|name| !name.is_empty()).collect::<BTreeSet<_>>() {
            // A file that is tracked and deleted is on its way out.
            let Ok(about) = std::fs::metadata(root.join(name)) else { continue };
            let text = if about.len() > TEXT_BYTES_MAX { None } else { std::fs::read_to_string(root.join(name)).ok() };
            tree.add(name, text);
        }
        Ok(tree)
    }

    /// Makes a tree of texts, for tests.
    #[cfg(test)]
    pub(crate) fn of(files: &[(&str, &str)]) -> Self {
        let mut tree = Self::default();
        for (path, text) in files {
            tree.add(path, Some((*text).to_owned()));
        }
        tree
    }

    fn add(&mut self, path: &str, text: Option<String>) {
        self.paths.insert(path.to_owned());
        let mut above = path;
        while let Some((folder, _)) = above.rsplit_once('/') {
            self.paths.insert(folder.to_owned());
            above = folder;
        }
        if let Some(text) = text {
            self.files.push(TextFile { path: path.to_owned(), text });
        }
    }

    /// Finds a text file.
    pub(crate) fn find(&self, path: &str) -> Option<&TextFile> {
        self.files.iter().find(|file| file.path == path)
    }

    /// Tells whether there is such a file or folder.
    pub(crate) fn has(&self, path: &str) -> bool {
        self.paths.contains(path)
    }

    /// Lists the files written in Rust.
    pub(crate) fn rust(&self) -> impl Iterator<Item = &TextFile> {
        self.files.iter().filter(|file| file.has_extension("rs"))
    }
}
