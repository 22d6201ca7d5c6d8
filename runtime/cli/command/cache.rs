//! `sswe cache`

use std::time::Duration;

use sswe_cache::{Error, Time, gc, rebuild, stats, verify};
use sswe_compiler::value::{Type, Value, read};

use crate::{
    Failure,
    args::{Cache, CacheCommand},
    exit,
    store::{self, failure, open},
    style,
};

pub(crate) fn run(args: &Cache) -> Result<u8, Failure> {
    let path = store::path();
    if let CacheCommand::Path = args.command {
        style::print(&format!("{}\n", path.display()));
        return Ok(exit::OK);
    }
    if !store::is_there(&path) {
        return Err(store::missing(&path));
    }
    match &args.command {
        CacheCommand::Path => Ok(exit::OK),
        CacheCommand::Stats => show_stats(&path),
        CacheCommand::Gc { max_size, older_than, dry_run } => {
            sweep(&path, max_size.as_deref(), older_than.as_deref(), *dry_run)
        }
        CacheCommand::Verify { repair } => check(&path, *repair),
    }
}

fn show_stats(path: &std::path::Path) -> Result<u8, Failure> {
    let found = open(path).and_then(|store| stats(&store)).map_err(|error| failure(&error))?;
    let rows = [
        ("actions", found.actions.to_string()),
        ("evicted", found.tombstones.to_string()),
        ("blobs", format!("{} small, {} in files", found.small_blobs, found.large_blobs)),
        ("content", size(found.content_bytes)),
        ("on disk", format!("{} of blobs, {} of index", size(found.stored_bytes), size(found.index_bytes))),
        ("known files", found.stat_entries.to_string()),
        ("runs", found.runs.to_string()),
        ("roots", found.roots.to_string()),
        ("builds now", found.live_builds.to_string()),
    ];
    let mut out = format!("{}\n", path.display());
    for (name, value) in rows {
        out.push_str(&format!("  {name:<12} {value}\n"));
    }
    style::print(&out);
    Ok(exit::OK)
}

fn sweep(
    path: &std::path::Path,
    max_size: Option<&str>,
    older_than: Option<&str>,
    dry_run: bool,
) -> Result<u8, Failure> {
    let max_size = match max_size.map(|text| read(text, Type::Bytes)).transpose().map_err(Failure::usage)? {
        Some(Value::Bytes(bytes)) => Some(bytes),
        _ => None,
    };
    let older_than =
        match older_than.map(|text| read(text, Type::Duration)).transpose().map_err(Failure::usage)? {
            Some(Value::Duration(ns)) => Some(Duration::from_nanos(ns)),
            _ => None,
        };
    let options = gc::SweepOptions { max_size, older_than, dry_run };
    let swept = open(path).and_then(|store| gc::sweep(&store, &options)).map_err(|error| failure(&error))?;
    let verb = if dry_run { "would remove" } else { "removed" };
    style::print(&format!(
        "{verb} {} actions ({} old, {} for room), {} blobs, {}, {} files that nothing names, {} runs\n\
         kept {} actions ({} by a root, {} by a running build), {}\n",
        swept.actions_by_age + swept.actions_by_size,
        swept.actions_by_age,
        swept.actions_by_size,
        swept.blobs,
        size(swept.bytes),
        swept.orphans,
        swept.runs,
        swept.kept_actions,
        swept.rooted_actions,
        swept.claimed_actions,
        size(swept.kept_bytes),
    ));
    if swept.over {
        style::say(format_args!("the rest is more than asked for: roots and running builds need it"));
    }
    Ok(exit::OK)
}

fn check(path: &std::path::Path, repair: bool) -> Result<u8, Failure> {
    // The store is closed again before its index can be built anew.
    let verified = open(path).and_then(|store| verify::verify(&store, repair));
    let verified = match verified {
        Err(Error::Corrupt { .. }) if repair => return salvage(path),
        Ok(verified) if repair && !verified.index_faults.is_empty() => return salvage(path),
        verified => verified.map_err(|error| failure(&error))?,
    };
    let mut out = format!(
        "hashed {} blobs ({}), checked {} actions\n",
        verified.blobs,
        size(verified.bytes),
        verified.actions
    );
    for (digest, why) in &verified.damaged {
        out.push_str(&format!("  damaged  {}: {why}\n", digest.short()));
    }
    for action in &verified.broken {
        out.push_str(&format!("  broken   {}{}: {}\n", action.stage, item(&action.item), action.why));
    }
    for digest in &verified.lost_roots {
        out.push_str(&format!("  lost     {}, which a root keeps\n", digest.short()));
    }
    for fault in &verified.index_faults {
        out.push_str(&format!("  index    {fault}\n"));
    }
    // A note, not a fault: a build that was killed leaves such files, and nothing needs them.
    match (verified.orphans.len(), verified.repaired) {
        (0, _) => (),
        (files, true) => out.push_str(&format!("  removed {files} files that nothing names\n")),
        (files, false) => out.push_str(&format!(
            "  note: {files} files that nothing names, such as a killed build leaves; `sswe cache gc` removes them\n"
        )),
    }
    out.push_str(match (verified.is_clean(), verified.repaired) {
        (true, _) => "clean\n",
        (false, true) => "mended: the next build makes again what was lost\n",
        (false, false) => "run `sswe cache verify --repair` to mend it\n",
    });
    style::print(&out);
    Ok(if verified.is_clean() || verified.repaired { exit::OK } else { exit::FILE_HAS_ERRORS })
}

fn item(item: &str) -> String {
    if item.is_empty() { String::new() } else { format!("[{item}]") }
}

fn salvage(path: &std::path::Path) -> Result<u8, Failure> {
    let kept = rebuild(path, Time::now()).map_err(|error| failure(&error))?;
    style::print(&format!(
        "the index was damaged and is built anew: kept {} actions, {} small blobs, {} blobs in files, {} runs, {} roots\n\
         lost {} actions and {} damaged files; the next build makes them again\n",
        kept.actions,
        kept.small_blobs,
        kept.large_blobs,
        kept.runs,
        kept.roots,
        kept.broken_actions,
        kept.damaged_files,
    ));
    Ok(exit::OK)
}

/// Shows bytes with a unit that a person can take in.
fn size(bytes: u64) -> String {
    let units = ["B", "KiB", "MiB", "GiB", "TiB"];
    let mut value = bytes as f64;
    let mut unit = 0;
    while value >= 1024.0 && unit + 1 < units.len() {
        value /= 1024.0;
        unit += 1;
    }
    if unit == 0 { format!("{bytes} B") } else { format!("{value:.1} {}", units[unit]) }
}
