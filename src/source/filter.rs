//! Filter: which of the listed objects are taken. Others are no exports, or may be on their way.

use globset::{Glob, GlobBuilder, GlobSet, GlobSetBuilder};
use object_store::ObjectMeta;
use object_store::path::Path;

use super::config::SourceConfig;
use super::error::Error;

/// Ends of names of what is written still, or beside exports: copies, checksums, marks, notes. In small letters.
const NO_EXPORTS: [&str; 69] = [
    ".db",
    ".tmp",
    ".temp",
    ".part",
    ".partial",
    ".filepart",
    ".crdownload",
    ".download",
    ".upload",
    ".inprogress",
    ".in-progress",
    ".uploading",
    ".writing",
    ".swp",
    ".bak",
    ".old",
    ".orig",
    "~",
    ".crc",
    ".md5",
    ".sha1",
    ".sha256",
    ".sha512",
    ".md5sum",
    ".sha256sum",
    ".sha256sums",
    ".sfv",
    ".sig",
    ".asc",
    ".done",
    ".ok",
    ".ready",
    ".complete",
    ".success",
    ".lock",
    ".ini",
    ".lnk",
    ".log",
    ".md",
    ".txt.sha",
    ".copy",
    ".checksum",
    ".incomplete",
    ".!ut",
    ".aria2",
    ".backup",
    ".ctl",
    ".etag",
    ".sha384",
    ".cksum",
    ".blake3",
    ".b3",
    ".manifest",
    ".manifest.json",
    ".wip",
    ".lck",
    ".__tmp",
    ".ffs_tmp",
    ".azdownload",
    ".filepart.gz",
    "._copying_",
    "_.gstmp",
    "_.gztmp",
    ".part.minio",
    ".duckpart",
    ".sha512sum",
    ".pending",
    ".deleted",
    ".opdownload",
];
/// Those of them that are written still.
const UNFINISHED: [&str; 15] = [
    ".tmp",
    ".temp",
    ".part",
    ".partial",
    ".filepart",
    ".upload",
    ".uploading",
    ".inprogress",
    ".in-progress",
    ".writing",
    ".wip",
    "._copying_",
    ".part.minio",
    ".duckpart",
    ".pending",
];
/// Whole names of the same kind.
const NAMES: [&str; 14] = [
    "manifest",
    "manifest.csv",
    "manifest.json",
    "manifest.xml",
    "readme",
    "readme.txt",
    "checksum",
    "checksum.txt",
    "checksums",
    "checksums.csv",
    "checksums.txt",
    "md5sums",
    "sha1sums",
    "sha256sums",
];

/// What programs that keep folders alike put into the name of a second version.
const CONFLICTS: [&str; 2] = [".sync-conflict-", "conflicted copy"];

/// Folders that systems keep beside files. In small letters.
const FOLDERS: [&str; 7] = [
    "#recycle",
    "#snapshot",
    "$recycle.bin",
    "@eadir",
    "@recycle",
    "lost+found",
    "system volume information",
];

/// The end of the name of a folder in which an index keeps its generations.
const OF_INDEX: &str = ".db.d";

/// What of a source is taken.
#[derive(Debug)]
pub(super) struct Filter {
    include: Globs,
    exclude: Globs,
}

/// Globs of keys: those with a slash are of the whole key below the source, others of a file's name.
#[derive(Debug)]
struct Globs {
    keys: GlobSet,
    names: GlobSet,
    /// Folders of which all that lies in them fits.
    folders: GlobSet,
    /// The folders that keys begin with; none where any may.
    firsts: Option<Vec<String>>,
    is_empty: bool,
}

impl Filter {
    pub(super) fn new(config: &SourceConfig) -> Result<Filter, Error> {
        let globs = |option: &str, globs: &[String]| {
            let bad = |_| config.bad_option(option, "it is no glob such as \"users/**/*.csv\"");
            Globs::new(globs).map_err(bad)
        };
        Ok(Filter {
            include: globs("include", &config.include)?,
            exclude: globs("exclude", &config.exclude)?,
        })
    }

    /// Tells whether an object is taken. One that the source names itself is taken whatever its name; of others, a folder
    /// counts as their name does (`_temporary/0/part.csv`).
    pub(super) fn takes(&self, meta: &ObjectMeta, root: &Path) -> bool {
        match meta.size == 0 || meta.location == *root {
            true => meta.size > 0,
            false => self.takes_key(&meta.location, root),
        }
    }

    /// Returns the key that an object will have when it is whole: one without content, or whose name says that it is written still.
    pub(super) fn unfinished(&self, meta: &ObjectMeta, root: &Path) -> Option<Path> {
        let key = meta.location.as_ref();
        let small = key.to_ascii_lowercase();
        let written = UNFINISHED.iter().find(|end| small.ends_with(*end));
        let written = written.map(|end| &key[..key.len() - end.len()]);
        let whole = match meta.size {
            0 => written.or(Some(key)),
            _ => written,
        };
        let whole = Path::parse(whole?).ok()?;
        self.takes_key(&whole, root).then_some(whole)
    }

    /// Tells whether anything in a folder below the source may be taken, by the folder's key.
    pub(super) fn enters(&self, folder: &str) -> bool {
        let mut parts = folder.split('/');
        let first = parts.clone().next().unwrap_or_default();
        let ends = folder.match_indices('/').map(|(at, _)| at);
        let mut above = ends.chain([folder.len()]).map(|end| &folder[..end]);
        !parts.any(is_hidden)
            && !above.any(|folder| self.exclude.folders.is_match(folder))
            && self.include.enter(first)
    }

    /// Tells whether an object is taken by its key.
    pub(super) fn takes_key(&self, location: &Path, root: &Path) -> bool {
        let name = location.filename().unwrap_or_default();
        let below = location.prefix_match(root).into_iter().flatten();
        let parts: Vec<String> = below.map(|part| part.as_ref().to_owned()).collect();
        let key = parts.join("/");
        !parts.iter().any(|part| is_hidden(part))
            && !is_no_export(name)
            && (self.include.is_empty || self.include.fit(&key, name))
            && !self.exclude.fit(&key, name)
    }
}

impl SourceConfig {
    /// Tells whether an object would be taken by its key, which is below the source.
    ///
    /// # Errors
    /// An include or exclude that is no glob.
    pub fn takes(&self, key: &str) -> Result<bool, Error> {
        let filter = Filter::new(self)?;
        let path = Path::parse(key);
        Ok(path.is_ok_and(|path| filter.takes_key(&path, &Path::default())))
    }
}

/// Tells whether a file or folder is left out by its name.
fn is_hidden(part: &str) -> bool {
    let small = part.to_ascii_lowercase();
    part.starts_with(['_', '.']) || small.ends_with(OF_INDEX) || FOLDERS.contains(&small.as_str())
}

fn is_no_export(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    // What is open in a spreadsheet or an editor: `~$a.xlsx`, `#a.csv#`.
    let is_open = name.starts_with("~$") || (name.starts_with('#') && name.ends_with('#'));
    // A number tells several of what is written still apart: `a.csv.tmp.123`, `a.csv.part1`.
    let bare = name.trim_end_matches(|letter: char| letter.is_ascii_digit() || letter == '.');
    let is_written = [".tmp", ".temp", ".part", ".partial", ".bak", ".inprogress"]
        .iter()
        .any(|end| bare.ends_with(end));
    let is_second = CONFLICTS.iter().any(|words| name.contains(words));
    let is_end = |end: &&str| name.ends_with(*end);
    is_open
        || is_written
        || is_second
        || is_download(&name)
        || NAMES.contains(&name.as_str())
        || NO_EXPORTS.iter().any(is_end)
}

/// Tells whether a name is that of a file that the AWS tools write still: eight random hexadecimal digits behind its end.
fn is_download(name: &str) -> bool {
    let Some((whole, random)) = name.rsplit_once('.') else {
        return false;
    };
    // Digits alone are a day.
    let is_random = random.len() == 8
        && random.bytes().all(|byte| byte.is_ascii_hexdigit())
        && random.bytes().any(|byte| byte.is_ascii_alphabetic());
    let is_export = |end| whole.ends_with(end);
    is_random
        && [".csv", ".json", ".gz", ".zst", ".parquet"]
            .into_iter()
            .any(is_export)
}

impl Globs {
    fn new(globs: &[String]) -> Result<Globs, globset::Error> {
        let globs_of = globs.iter().map(|glob| of_keys(glob));
        let (keys, names): (Vec<String>, Vec<String>) =
            globs_of.partition(|glob| glob.contains('/'));
        let first = |glob: &String| {
            let (first, _) = glob.split_once('/')?;
            (!first.contains(['*', '?', '[', '{', '\\'])).then(|| first.to_owned())
        };
        let firsts: Option<Vec<String>> = keys.iter().map(first).collect();
        Ok(Globs {
            firsts: firsts.filter(|_| names.is_empty() && !keys.is_empty()),
            folders: set(&globs
                .iter()
                .filter_map(|glob| of_folder(glob))
                .collect::<Vec<_>>())?,
            keys: set(&keys)?,
            names: set(&names)?,
            is_empty: globs.is_empty(),
        })
    }

    /// Tells whether a key that fits may begin with a folder.
    fn enter(&self, first: &str) -> bool {
        let firsts = self.firsts.as_ref();
        firsts.is_none_or(|firsts| firsts.iter().any(|one| one == first))
    }

    fn fit(&self, key: &str, name: &str) -> bool {
        self.keys.is_match(key) || self.names.is_match(name)
    }
}

/// Returns a glob as keys are: without a slash before, and of a folder all that lies in it.
fn of_keys(glob: &str) -> String {
    let below = glob.strip_prefix("./").unwrap_or(glob);
    let below = below.trim_start_matches('/');
    match below.ends_with('/') {
        true => format!("{below}**"),
        false if below.len() < glob.len() && !below.contains('/') => {
            format!("{{{below},{below}/**}}")
        }
        false => below.to_owned(),
    }
}

/// Returns the glob of folders of which a glob takes all that lies in them, if it does.
fn of_folder(glob: &str) -> Option<String> {
    let keys = of_keys(glob);
    let alone = keys.strip_prefix('{').and_then(|both| both.split_once(','));
    let folder = alone.map(|(alone, _)| alone);
    folder.or(keys.strip_suffix("/**")).map(str::to_owned)
}

/// `*` stops at a slash, `**` does not.
fn set(globs: &[String]) -> Result<GlobSet, globset::Error> {
    let mut set = GlobSetBuilder::new();
    for glob in globs {
        let glob: Glob = GlobBuilder::new(glob).literal_separator(true).build()?;
        set.add(glob);
    }
    set.build()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fit(globs: &[&str], key: &str) -> bool {
        let globs: Vec<String> = globs.iter().map(|glob| (*glob).to_owned()).collect();
        let name = key.rsplit('/').next().unwrap_or_default();
        Globs::new(&globs).is_ok_and(|globs| globs.fit(key, name))
    }

    #[test]
    fn globs_are_of_names_and_with_a_slash_of_keys() {
        assert!(fit(&["*.csv"], "users/2026/a.csv"));
        assert!(fit(&["users/**"], "users/2026/a.csv"));
        assert!(fit(&["users/**/*.csv"], "users/a.csv"));
        assert!(!fit(&["users/*.csv"], "users/2026/a.csv"));
        assert!(!fit(&["*.csv.gz"], "users/a.csv"));
        assert!(!fit(&[], "users/a.csv"));
        for glob in ["users/", "/users/**", "./users/", "/users", "/users/"] {
            assert!(fit(&[glob], "users/2026/a.csv"), "{glob}");
            assert!(!fit(&[glob], "old/users/a.csv"), "{glob}");
        }
    }

    #[test]
    fn a_folder_is_entered_where_anything_in_it_may_be_taken() {
        let enters = |include: &[&str], exclude: &[&str], folder: &str| {
            let texts = |globs: &[&str]| globs.iter().map(|glob| (*glob).to_owned()).collect();
            let config = SourceConfig {
                include: texts(include),
                exclude: texts(exclude),
                ..SourceConfig::new("a", "/exports")
            };
            Filter::new(&config).is_ok_and(|filter| filter.enters(folder))
        };
        for (include, exclude, folder, is_entered) in [
            (&[][..], &[][..], "deep/er", true),
            (&[], &[], "lost+found", false),
            (&[], &[], "deep/.snap", false),
            (&[], &["old/"], "old/deep", false),
            (&[], &["old/**"], "old", false),
            (&[], &["old/*.csv"], "old", true),
            (&[], &["old/*"], "old", true),
            (&[], &["archive*"], "archive", true),
            (&[], &["?"], "o", true),
            (&[], &["/old"], "old/deep", false),
            (&[], &["**/old/**"], "deep/old/er", false),
            (&["users/*.csv"], &[], "old", false),
            (&["users/*.csv"], &[], "users/deep", true),
            (&["users/*.csv", "*.json"], &[], "old", true),
            (&["**/a.csv"], &[], "old", true),
        ] {
            assert_eq!(enters(include, exclude, folder), is_entered, "{folder}");
        }
    }

    #[test]
    fn what_stands_beside_exports_is_none() {
        for name in [
            "users.csv.tmp",
            "a.csv.FILEPART",
            "a.csv~",
            ".a.csv.crc",
            "a.csv.sha256",
            "Thumbs.db",
            "desktop.ini",
            "manifest.json",
            "README.txt",
            "2026-11-20.done",
            "a.csv.tmp.123",
            "a.csv.part1",
            "~$a.xlsx",
            "#a.csv#",
            "manifest.csv",
            "a.csv.incomplete",
            "a.csv.filepart.gz",
            "a.manifest.json",
            "a.csv.wip",
            "a.csv._COPYING_",
            "a.csv.6eF2bA1c",
            "a.csv_.gstmp",
            "a.csv.part.minio",
            "a.sync-conflict-20261120-060000-ABCDEFG.csv",
            "a (Ann's conflicted copy 2026-11-20).csv",
            "a.csv.inprogress.0",
        ] {
            assert!(is_no_export(name), "{name}");
        }
        for name in [
            "users.csv",
            "users.csv.gz",
            "manifest-users.csv",
            "part-0001.csv",
            "users.txt",
            "users.json",
            "users.part.2026.csv",
            "users.2026",
            "users.complete.20261120",
            "users.csv.gpg",
            "users.csv.20261120",
            "users.deadbeef",
            "pending.csv",
        ] {
            assert!(!is_no_export(name), "{name}");
        }
    }
}
