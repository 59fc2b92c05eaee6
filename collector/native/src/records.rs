//! The records of a segment in the order of their table's sort key.
//!
//! The engine sorts a block that is not in order, column by column, which is a sixth to a fifth of
//! an insert; records are ordered here before there are columns. Order decides nothing but the
//! cost: a record whose own attributes put it into another run than its resource's is not found
//! out, and then the engine sorts.

use crate::any_value::plain_text;
use crate::attributes::Identity;
use crate::columns::Dictionary;
use crate::segment::{Entries, Entry};
use crate::shares::{Shares, Source};
use crate::wire::{Fields, Once, Value};
use crate::Unusual;

/// Rows that one insert may have; as max_insert_block_size in store/engine.py.
const MAX_ROWS: usize = 1_000_000;
/// So many records in a row, at the mean, are read where they are.
const MANY_IN_A_ROW: usize = 8;
/// Nanoseconds of an hour.
const HOUR: u64 = 3_600_000_000_000;

/// What makes rows of records.
pub trait Rows<'a> {
    /// Whether the sort key has the service after the run.
    const BY_SERVICE: bool;

    /// A record's name in the sort key, empty if it has none there, and its own time, 0 if it has
    /// none or hides it.
    fn place(record: &'a [u8]) -> (&'a [u8], u64);

    /// Append the row of a record.
    fn push(
        &mut self,
        record: &'a [u8],
        received_time_unix_nano: u64,
        resource: &Identity<'a>,
    ) -> Result<(), Unusual>;
}

/// Read a segment and have rows made of its records; returns what these share.
///
/// Records that stand all over the segment are copied to `scratch`, whatever is in it.
pub fn make_rows<'a, R: Rows<'a>>(
    segment: &'a [u8],
    scratch: &'a mut Vec<u8>,
    rows: &mut R,
) -> Result<Shares<'a>, Unusual> {
    let mut records = Records { list: Vec::new(), shares: Shares::default() };
    let mut entries = Entries::of(segment);
    while let Some(entry) = entries.next_entry()? {
        records.request(&entry)?;
    }
    let order = records.order::<R>();
    let ordered = in_order(records.list, &order, scratch);
    let mut shares = records.shares;
    for record in ordered {
        shares.add_row(record.share)?;
        rows.push(record.bytes, record.received_time_unix_nano, shares.identity(record.share))?;
    }
    Ok(shares)
}

/// The records in an order.
///
/// Reading spans by name, each name's all over the segment, misses the cache and the page table
/// with every record and took twice as long as making their rows. So they are copied: read one
/// after the other, and written at as many places as there are names.
fn in_order<'a>(
    list: Vec<Record<'a>>,
    order: &[Place],
    scratch: &'a mut Vec<u8>,
) -> Vec<Record<'a>> {
    let jumps = order.windows(2).filter(|pair| pair[0].index + 1 != pair[1].index).count();
    if jumps == 0 {
        return list;
    }
    if jumps < order.len() / MANY_IN_A_ROW {
        return order.iter().map(|place| list[place.index as usize]).collect();
    }
    let mut starts = vec![0; list.len()];
    let mut end = 0;
    for place in order {
        starts[place.index as usize] = end;
        end += list[place.index as usize].bytes.len();
    }
    if scratch.len() < end {
        scratch.resize(end, 0);
    }
    for (record, start) in list.iter().zip(&starts) {
        scratch[*start..][..record.bytes.len()].copy_from_slice(record.bytes);
    }
    let mut rest = &scratch[..end];
    let moved = |place: &Place| {
        let record = list[place.index as usize];
        let (bytes, after) = rest.split_at(record.bytes.len());
        rest = after;
        Record { bytes, ..record }
    };
    order.iter().map(moved).collect()
}

#[derive(Clone, Copy)]
struct Record<'a> {
    bytes: &'a [u8],
    received_time_unix_nano: u64,
    share: u32,
}

struct Records<'a> {
    list: Vec<Record<'a>>,
    shares: Shares<'a>,
}

/// Where a record stands in the order; the index keeps equal ones as they came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    project: u32,
    hour: u32,
    run: u32,
    name: u32,
    time: u64,
    index: u32,
}

impl<'a> Records<'a> {
    fn request(&mut self, entry: &Entry<'a>) -> Result<(), Unusual> {
        let mut fields = Fields::of(entry.request);
        while let Some((number, value)) = fields.next_field()? {
            match (number, value) {
                (1, Value::Bytes(resource)) => self.resource(entry, resource)?,
                (1, _) => return Err(Unusual),
                _ => {}
            }
        }
        Ok(())
    }

    /// ResourceLogs or ResourceSpans.
    fn resource(&mut self, entry: &Entry<'a>, message: &'a [u8]) -> Result<(), Unusual> {
        let mut source = Source {
            project: entry.project,
            client: entry.client,
            resource: b"",
            resource_schema_url: b"",
            scope: b"",
            scope_schema_url: b"",
        };
        let mut scopes = Vec::new();
        let mut once = Once::default();
        let mut fields = Fields::of(message);
        while let Some((number, value)) = fields.next_field()? {
            match (number, value) {
                (2, Value::Bytes(scope)) => {
                    scopes.push(scope);
                    continue;
                }
                (1, Value::Bytes(resource)) => source.resource = resource,
                (3, Value::Bytes(url)) => source.resource_schema_url = url,
                (1..=3, _) => return Err(Unusual),
                _ => {}
            }
            once.see(number)?;
        }
        if scopes.is_empty() {
            // Read for what is wrong with it only.
            self.shares.number(source)?;
        }
        scopes.into_iter().try_for_each(|scope| self.scope(entry, source, scope))
    }

    /// ScopeLogs or ScopeSpans.
    fn scope(
        &mut self,
        entry: &Entry<'a>,
        mut source: Source<'a>,
        message: &'a [u8],
    ) -> Result<(), Unusual> {
        let received_time_unix_nano = entry.received_time_unix_nano;
        let first = self.list.len();
        let mut once = Once::default();
        let mut fields = Fields::of(message);
        while let Some((number, value)) = fields.next_field()? {
            match (number, value) {
                (2, Value::Bytes(bytes)) => {
                    self.list.push(Record { bytes, received_time_unix_nano, share: 0 });
                    continue;
                }
                (1, Value::Bytes(scope)) => source.scope = scope,
                (3, Value::Bytes(url)) => source.scope_schema_url = url,
                (1..=3, _) => return Err(Unusual),
                _ => {}
            }
            once.see(number)?;
        }
        let share = self.shares.number(source)?;
        self.list[first..].iter_mut().for_each(|record| record.share = share);
        if self.list.len() > MAX_ROWS {
            return Err(Unusual);
        }
        Ok(())
    }

    /// The places of all records, in their order.
    fn order<R: Rows<'a>>(&self) -> Vec<Place> {
        let (projects, runs) = self.ranks(R::BY_SERVICE);
        let mut names = Dictionary::of(&[]);
        let mut places = Vec::with_capacity(self.list.len());
        for (index, record) in self.list.iter().enumerate() {
            let (name, time) = R::place(record.bytes);
            let time = if time == 0 { record.received_time_unix_nano } else { time };
            let time = time.min(i64::MAX as u64);
            places.push(Place {
                project: projects[record.share as usize],
                hour: (time / HOUR) as u32,
                run: runs[record.share as usize],
                name: names.number(name),
                time,
                index: index as u32,
            });
        }
        let names = ranks_of(names.texts());
        places.iter_mut().for_each(|place| place.name = names[place.name as usize]);
        places.sort();
        places
    }

    /// The ranks of each share's project and of its run.
    fn ranks(&self, by_service: bool) -> (Vec<u32>, Vec<u32>) {
        let run = |share| {
            let id = self.shares.identity(share)[0].unwrap_or_default();
            let service = if by_service { self.shares.service_name(share) } else { b"" };
            (plain_text(id).unwrap_or(id), service)
        };
        let shares = || 0..self.shares.count() as u32;
        let projects: Vec<_> = shares().map(|share| self.shares.source(share).project).collect();
        let runs: Vec<_> = shares().map(run).collect();
        (ranks_of(&projects), ranks_of(&runs))
    }
}

/// For each item, how many different ones are less than it.
fn ranks_of<T: Ord>(items: &[T]) -> Vec<u32> {
    let mut order: Vec<usize> = (0..items.len()).collect();
    order.sort_by_key(|index| &items[*index]);
    let mut ranks = vec![0; items.len()];
    for pair in order.windows(2) {
        let is_more = items[pair[0]] < items[pair[1]];
        ranks[pair[1]] = ranks[pair[0]] + u32::from(is_more);
    }
    ranks
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes the first byte of a record as its name, the second as its time.
    #[derive(Default)]
    struct Taken<'a>(Vec<&'a [u8]>);

    impl<'a> Rows<'a> for Taken<'a> {
        const BY_SERVICE: bool = true;

        fn place(record: &'a [u8]) -> (&'a [u8], u64) {
            (&record[..1], record[1].into())
        }

        fn push(&mut self, record: &'a [u8], _: u64, _: &Identity<'a>) -> Result<(), Unusual> {
            self.0.push(record);
            Ok(())
        }
    }

    fn prefixed(tag: u8, bytes: &[u8]) -> Vec<u8> {
        [&[tag, bytes.len() as u8][..], bytes].concat()
    }

    /// An entry with one record in the run.
    fn entry(project: &[u8], run: &[u8], record: &[u8]) -> Vec<u8> {
        let value = prefixed(0x12, &prefixed(0x0a, run));
        let attribute = [prefixed(0x0a, b"parent_run_id"), value].concat();
        let resource = prefixed(0x0a, &prefixed(0x0a, &attribute));
        let scopes = prefixed(0x12, &prefixed(0x12, record));
        let request = prefixed(0x0a, &[scopes, resource].concat());
        let entry = [prefixed(0x12, project), prefixed(0x3a, &request)].concat();
        [&[entry.len() as u8], &entry[..]].concat()
    }

    #[test]
    fn records_come_in_the_order_of_project_run_name_and_time() {
        let segment = [
            entry(b"p", b"r2", b"a1"),
            entry(b"p", b"r1", b"b1"),
            entry(b"p", b"r1", b"a2"),
            entry(b"p", b"r1", b"a1-first"),
            entry(b"p", b"r1", b"a1-second"),
            entry(b"o", b"r3", b"c3"),
        ]
        .concat();
        let (mut scratch, mut taken) = (b"of before".to_vec(), Taken::default());
        let shares = make_rows(&segment, &mut scratch, &mut taken).expect("is usual");
        let expected: [&[u8]; 6] = [b"c3", b"a1-first", b"a1-second", b"a2", b"b1", b"a1"];
        assert_eq!(taken.0, expected);
        assert_eq!((shares.rows(), shares.count()), (6, 3));
    }

    #[test]
    fn records_that_come_in_order_are_not_copied() {
        let segment: Vec<u8> = (1..20).flat_map(|time| entry(b"p", b"r", &[b'a', time])).collect();
        let (mut scratch, mut taken) = (Vec::new(), Taken::default());
        make_rows(&segment, &mut scratch, &mut taken).expect("is usual");
        let times: Vec<u8> = taken.0.iter().map(|record| record[1]).collect();
        assert_eq!(times, (1..20).collect::<Vec<u8>>());
        drop(taken);
        assert_eq!(scratch, []);
    }

    #[test]
    fn equal_items_have_the_same_rank() {
        assert_eq!(ranks_of(&["b", "a", "c", "a", "b"]), [1, 0, 2, 0, 1]);
        assert_eq!(ranks_of::<u8>(&[]), []);
    }

    #[test]
    fn a_resource_that_comes_twice_is_unusual() {
        let request = prefixed(0x0a, &[prefixed(0x0a, b""), prefixed(0x0a, b"")].concat());
        let entry = prefixed(0x3a, &request);
        let segment = [&[entry.len() as u8], &entry[..]].concat();
        assert!(make_rows(&segment, &mut Vec::new(), &mut Taken::default()).is_err());
    }
}
