//! The RocksDB backend: one database, ten column families, one log, small in memory.

use crate::batch::{Durability, Version, Write};
use crate::engine::Engine;
use crate::family::Family;
use crate::fault::StoreError;
use crate::limits::StoreLimits;
use crate::location::OwnedDirectory;
use crate::scan::{Direction, Entry, Page, PageFilling, Scan};
use crate::store::{FamilyUsage, Read, Snapshot, Usage};
use rocksdb::{
    BlockBasedOptions, Cache, ColumnFamily, ColumnFamilyDescriptor, DB, DBCompressionType, DBRecoveryMode,
    LogLevel, Options, ReadOptions, WriteBatch, WriteOptions,
};
use std::path::Path;
use std::sync::Arc;

mod initialisers;

const KIB: usize = 1024;
const MIB: usize = 1024 * KIB;

/// Blocks of files kept in memory, all families together.
const BLOCK_CACHE_BYTES: usize = 8 * MIB;
/// A family's table in memory is written out at this size …
const WRITE_BUFFER_BYTES: usize = 8 * MIB;
/// … and the largest of them when all together reach this one.
const ALL_WRITE_BUFFERS_BYTES: usize = 24 * MIB;
/// The log is cut, by writing tables out, before it grows beyond this: it bounds the time that opening takes.
const LOG_BYTES: u64 = 32 * MIB as u64;
/// Opening writes the log's content out to tables from this many log files on; below it, it only reads them.
const MAX_KEPT_LOGS: usize = 8;
const OPEN_FILES: i32 = 256;

/// A RocksDB database. Fields drop in order: the lock on the directory goes after the database is closed.
pub(crate) struct Disk {
    db: DB,
    cache: Cache,
    limits: StoreLimits,
    directory: OwnedDirectory,
}

impl Disk {
    /// Opens the database in a directory that this process holds, or makes one.
    pub(crate) fn open(directory: OwnedDirectory, limits: StoreLimits) -> Result<Disk, StoreError> {
        initialisers::run();
        let path = directory.database();
        let cache = Cache::new_lru_cache(BLOCK_CACHE_BYTES);
        let options = database_options(n_logs(&path))?;
        // A newer release may have more families; all must be opened to find out that it is newer.
        let mut names: Vec<String> = Family::ALL.map(|family| family.name().to_owned()).to_vec();
        if path.join("CURRENT").exists() {
            let known = DB::list_cf(&options, &path).map_err(|error| translate(&error))?;
            names.extend(
                known
                    .into_iter()
                    .filter(|name| name != "default" && !is_family(name)),
            );
        }
        let families = names
            .into_iter()
            .map(|name| ColumnFamilyDescriptor::new(name, family_options(&cache)));
        let opened = DB::open_cf_descriptors(&options, &path, families);
        let db = opened.map_err(|error| match translate(&error) {
            // Someone may use the database without looking at our lock.
            StoreError::Io { detail } if detail.contains("lock") => StoreError::Locked {
                path: directory.path().to_owned(),
                owner: None,
            },
            other => other,
        })?;
        Ok(Disk {
            db,
            cache,
            limits,
            directory,
        })
    }

    fn family(&self, family: Family) -> &ColumnFamily {
        self.db
            .cf_handle(family.name())
            .expect("every family is opened with the database")
    }

    fn number(&self, family: Family, property: &str) -> Result<u64, StoreError> {
        let number = self.db.property_int_value_cf(self.family(family), property);
        Ok(number.map_err(|error| translate(&error))?.unwrap_or(0))
    }
}

impl Engine for Disk {
    fn get(&self, family: Family, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.db
            .get_cf(self.family(family), key)
            .map_err(|error| translate(&error))
    }

    fn scan(&self, scan: &Scan) -> Result<Page, StoreError> {
        let options = scan_options(scan);
        page_of(
            self.db.raw_iterator_cf_opt(self.family(scan.family), options),
            scan,
            &self.limits,
        )
    }

    fn snapshot(engine: &Arc<Disk>) -> Result<Snapshot, StoreError> {
        Ok(Box::new(OwnedView::new(Arc::clone(engine), |disk| {
            disk.db.snapshot()
        })))
    }

    fn sequence(&self) -> u64 {
        self.db.latest_sequence_number()
    }

    fn write(&self, members: &[&[Write]], durability: Durability) -> Result<(), StoreError> {
        let mut batch = WriteBatch::default();
        for write in members.iter().flat_map(|writes| writes.iter()) {
            let family = self.family(write.family);
            match &write.value {
                Some(value) => batch.put_cf(family, &write.key, value),
                None => batch.delete_cf(family, &write.key),
            }
        }
        let mut options = WriteOptions::default();
        options.set_sync(durability == Durability::Sync);
        options.disable_wal(durability == Durability::None);
        self.db
            .write_opt(batch, &options)
            .map_err(|error| translate(&error))
    }

    fn waits_for_disk(&self) -> bool {
        true
    }

    fn flush(&self) -> Result<(), StoreError> {
        self.db.flush_wal(true).map_err(|error| translate(&error))
    }

    fn usage(&self) -> Result<Usage, StoreError> {
        let mut families = Vec::with_capacity(Family::ALL.len());
        let mut memory_bytes = self.cache.get_usage() as u64;
        for family in Family::ALL {
            let table_bytes = self.number(family, "rocksdb.cur-size-all-mem-tables")?;
            memory_bytes += table_bytes;
            families.push(FamilyUsage {
                family,
                n_entries: self.number(family, "rocksdb.estimate-num-keys")?,
                n_bytes: self.number(family, "rocksdb.total-sst-files-size")? + table_bytes,
            });
        }
        let path = self.directory.database();
        let (disk_bytes, log_bytes) =
            file_sizes(&path).map_err(|error| StoreError::from_io(&error, &path))?;
        Ok(Usage {
            families,
            log_bytes,
            disk_bytes,
            memory_bytes,
        })
    }
}

type View<'a> = rocksdb::Snapshot<'a>;

self_cell::self_cell!(
    /// A snapshot together with its hold on the database it looks at.
    struct OwnedView {
        owner: Arc<Disk>,
        #[covariant]
        dependent: View,
    }
);

impl Read for OwnedView {
    fn get(&self, family: Family, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        let family = self.borrow_owner().family(family);
        self.borrow_dependent()
            .get_cf(family, key)
            .map_err(|error| translate(&error))
    }

    fn scan(&self, scan: &Scan) -> Result<Page, StoreError> {
        let disk = self.borrow_owner();
        let iterator = self
            .borrow_dependent()
            .raw_iterator_cf_opt(disk.family(scan.family), scan_options(scan));
        page_of(iterator, scan, &disk.limits)
    }

    fn version(&self) -> Version {
        Version(self.borrow_dependent().sequence_number())
    }
}

fn scan_options(scan: &Scan) -> ReadOptions {
    let mut options = ReadOptions::default();
    options.set_iterate_lower_bound(scan.range.start.clone());
    if let Some(end) = &scan.range.end {
        options.set_iterate_upper_bound(end.clone());
    }
    options
}

fn page_of(
    mut iterator: rocksdb::DBRawIterator<'_>,
    scan: &Scan,
    limits: &StoreLimits,
) -> Result<Page, StoreError> {
    if scan.range.is_empty() {
        return Ok(Page::default());
    }
    match scan.direction {
        Direction::Forward => iterator.seek_to_first(),
        Direction::Backward => iterator.seek_to_last(),
    }
    let mut filling = PageFilling::new(scan, limits);
    while let Some((key, value)) = iterator.item() {
        if filling.is_full() {
            return Ok(filling.cut());
        }
        filling.push(Entry {
            key: key.to_vec(),
            value: value.to_vec(),
        });
        match scan.direction {
            Direction::Forward => iterator.next(),
            Direction::Backward => iterator.prev(),
        }
    }
    // An iterator that stops may have stopped at damage.
    iterator.status().map_err(|error| translate(&error))?;
    Ok(filling.finish())
}

fn is_family(name: &str) -> bool {
    Family::ALL.iter().any(|family| family.name() == name)
}

fn database_options(n_logs: usize) -> Result<Options, StoreError> {
    // Two options that the crate has no setters for. Tables are written out together, so that a batch over several families is
    // whole after a crash even where it skipped the log. Space for logs is not taken in advance: a small store stays small.
    let recovery = if n_logs < MAX_KEPT_LOGS {
        "avoid_flush_during_recovery=true;"
    } else {
        ""
    };
    let settings = format!("{recovery}allow_fallocate=false");
    let mut options = Options::default()
        .get_options_from_string(settings)
        .map_err(|error| translate(&error))?;
    options.create_if_missing(true);
    options.create_missing_column_families(true);
    options.set_atomic_flush(true);
    // After a crash the log is replayed up to its first gap. Whatever was synced lies before any gap.
    options.set_wal_recovery_mode(DBRecoveryMode::PointInTime);
    options.set_max_total_wal_size(LOG_BYTES);
    options.set_db_write_buffer_size(ALL_WRITE_BUFFERS_BYTES);
    options.set_max_background_jobs(2);
    options.set_max_open_files(OPEN_FILES);
    options.set_max_file_opening_threads(1);
    options.set_skip_stats_update_on_db_open(true);
    options.set_bytes_per_sync(MIB as u64);
    options.set_stats_dump_period_sec(0);
    options.set_stats_persist_period_sec(0);
    options.set_log_level(LogLevel::Warn);
    options.set_keep_log_file_num(2);
    options.set_max_log_file_size(MIB);
    options.set_max_manifest_file_size(4 * MIB);
    Ok(options)
}

fn family_options(cache: &Cache) -> Options {
    let mut blocks = BlockBasedOptions::default();
    blocks.set_block_cache(cache);
    blocks.set_cache_index_and_filter_blocks(true);
    blocks.set_pin_l0_filter_and_index_blocks_in_cache(true);
    blocks.set_bloom_filter(10.0, false);
    blocks.set_block_size(8 * KIB);
    let mut options = Options::default();
    options.set_block_based_table_factory(&blocks);
    options.set_compression_type(DBCompressionType::Lz4);
    options.set_write_buffer_size(WRITE_BUFFER_BYTES);
    options.set_arena_block_size(64 * KIB);
    options.set_max_write_buffer_number(2);
    options.set_target_file_size_base(16 * MIB as u64);
    options.set_max_bytes_for_level_base(64 * MIB as u64);
    options
}

/// How many files the write-ahead log of a database has.
fn n_logs(path: &Path) -> usize {
    let Ok(listed) = std::fs::read_dir(path) else {
        return 0;
    };
    listed
        .filter_map(Result::ok)
        .filter(|entry| is_log(&entry.path()))
        .count()
}

fn is_log(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "log")
}

/// Bytes of all files of a database, and of its log alone.
fn file_sizes(path: &Path) -> std::io::Result<(u64, u64)> {
    let (mut all_bytes, mut log_bytes) = (0, 0);
    for entry in std::fs::read_dir(path)? {
        let entry = entry?;
        // Files come and go while we look.
        let Ok(metadata) = entry.metadata() else { continue };
        all_bytes += metadata.len();
        if is_log(&entry.path()) {
            log_bytes += metadata.len();
        }
    }
    Ok((all_bytes, log_bytes))
}

/// Turns what RocksDB says into what a store says. It speaks in text only: a class, then the system's own words.
fn translate(error: &rocksdb::Error) -> StoreError {
    const FULL: [&str; 3] = ["No space left on device", "File too large", "Disk quota exceeded"];
    let detail = error.as_ref().to_owned();
    if FULL.iter().any(|words| detail.contains(words)) {
        return StoreError::Full { detail };
    }
    match error.kind() {
        rocksdb::ErrorKind::Corruption => StoreError::Corrupt { detail },
        _ => StoreError::Io { detail },
    }
}
