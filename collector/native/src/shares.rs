//! What rows share: project, client, resource and scope. Each is kept once, and repeated only as
//! the block is written.

use std::collections::HashMap;
use std::io::{self, Write};

use crate::any_value::{append_text, plain_text};
use crate::attributes::{key_value, Identity, IDENTITY_KEYS};
use crate::columns::{write_ends, write_repeated, write_u64, Column, Dictionary, Texts};
use crate::native_format::Named;
use crate::wire::{Fields, Once, Value};
use crate::Unusual;

/// Type of a text that few rows differ in.
pub const LOW: &str = "LowCardinality(String)";
/// Type of attributes.
pub const MAP: &str = "Map(LowCardinality(String), String)";
/// Repeating large resources in many small records may make much of little.
const MAX_REPEATED_BYTES: u64 = 256 << 20;

/// Where a share comes from: its bytes, by which equal ones are known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Source<'a> {
    /// Whose it is.
    pub project: &'a [u8],
    /// What sent it.
    pub client: &'a [u8],
    /// An encoded Resource.
    pub resource: &'a [u8],
    /// Of the resource and its records.
    pub resource_schema_url: &'a [u8],
    /// An encoded InstrumentationScope.
    pub scope: &'a [u8],
    /// Of the scope's records.
    pub scope_schema_url: &'a [u8],
}

/// A resource or a scope.
#[derive(Debug, Default)]
struct Head {
    keys: Vec<u32>,
    values: Texts<Vec<u8>>,
    dropped_attributes_count: u32,
}

/// What some rows have in common; numbers are those of dictionaries.
#[derive(Debug)]
struct Share<'a> {
    source: Source<'a>,
    project: u32,
    client: u32,
    service_name: u32,
    identity: Identity<'a>,
    resource: Head,
    resource_schema_url: u32,
    scope: Head,
    scope_schema_url: u32,
    scope_name: u32,
    scope_version: u32,
}

/// The shares of a block's rows, and in which order the rows have them.
#[derive(Debug)]
pub struct Shares<'a> {
    shares: Vec<Share<'a>>,
    known: HashMap<Source<'a>, u32>,
    /// Shares, and how many rows one after the other have them.
    runs: Vec<(u32, u64)>,
    rows: u64,
    repeated_bytes: u64,
    projects: Dictionary<'a>,
    clients: Dictionary<'a>,
    service_names: Dictionary<'a>,
    resource_keys: Dictionary<'a>,
    resource_schema_urls: Dictionary<'a>,
    scope_keys: Dictionary<'a>,
    scope_schema_urls: Dictionary<'a>,
    scope_names: Dictionary<'a>,
    scope_versions: Dictionary<'a>,
}

impl Default for Shares<'_> {
    fn default() -> Self {
        Shares {
            shares: Vec::new(),
            known: HashMap::new(),
            runs: Vec::new(),
            rows: 0,
            repeated_bytes: 0,
            projects: Dictionary::of(&[]),
            clients: Dictionary::of(&[]),
            service_names: Dictionary::of(&[]),
            resource_keys: Dictionary::of(&[]),
            resource_schema_urls: Dictionary::of(&[]),
            scope_keys: Dictionary::of(&[]),
            scope_schema_urls: Dictionary::of(&[]),
            scope_names: Dictionary::of(&[]),
            scope_versions: Dictionary::of(&[]),
        }
    }
}

impl<'a> Shares<'a> {
    /// The number of a share.
    pub fn number(&mut self, source: Source<'a>) -> Result<u32, Unusual> {
        if let Some(number) = self.known.get(&source) {
            return Ok(*number);
        }
        let number = self.shares.len() as u32;
        let share = self.read(source)?;
        self.shares.push(share);
        self.known.insert(source, number);
        Ok(number)
    }

    /// How many different ones there are.
    pub fn count(&self) -> usize {
        self.shares.len()
    }

    /// Where a share comes from.
    pub fn source(&self, share: u32) -> &Source<'a> {
        &self.shares[share as usize].source
    }

    /// The run identity of a share's resource.
    pub fn identity(&self, share: u32) -> &Identity<'a> {
        &self.shares[share as usize].identity
    }

    /// The service of a share's resource.
    pub fn service_name(&self, share: u32) -> &'a [u8] {
        self.service_names.texts()[self.shares[share as usize].service_name as usize]
    }

    /// Note that the next row has this share.
    #[inline]
    pub fn add_row(&mut self, share: u32) -> Result<(), Unusual> {
        self.rows += 1;
        match self.runs.last_mut() {
            Some((last, rows)) if *last == share => *rows += 1,
            _ => self.runs.push((share, 1)),
        }
        let share = &self.shares[share as usize];
        self.repeated_bytes += share.resource.size_bytes() + share.scope.size_bytes();
        if self.repeated_bytes > MAX_REPEATED_BYTES {
            return Err(Unusual);
        }
        Ok(())
    }

    /// How many rows were noted.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    fn read(&mut self, source: Source<'a>) -> Result<Share<'a>, Unusual> {
        let (resource, identity, service_name) = self.resource(source.resource)?;
        let (scope, scope_name, scope_version) = self.scope(source.scope)?;
        Ok(Share {
            source,
            project: self.projects.number(source.project),
            client: self.clients.number(source.client),
            service_name: self.service_names.number(service_name),
            identity,
            resource,
            resource_schema_url: self.resource_schema_urls.number(source.resource_schema_url),
            scope,
            scope_schema_url: self.scope_schema_urls.number(source.scope_schema_url),
            scope_name,
            scope_version,
        })
    }

    /// A resource, the run identity and the service in it.
    fn resource(&mut self, message: &'a [u8]) -> Result<(Head, Identity<'a>, &'a [u8]), Unusual> {
        let mut head = Head::default();
        let mut identity = Identity::default();
        let mut service_name = None;
        let mut once = Once::default();
        let mut fields = Fields::of(message);
        while let Some((number, value)) = fields.next_field()? {
            match (number, value) {
                (1, Value::Bytes(attribute)) => {
                    let (key, value) = head.push(attribute, &mut self.resource_keys)?;
                    if let Some(index) = IDENTITY_KEYS.iter().position(|known| *known == key) {
                        identity[index].get_or_insert(value);
                    }
                    if key == b"service.name" {
                        service_name.get_or_insert(value);
                    }
                    continue;
                }
                (2, Value::Varint(count)) => head.dropped_attributes_count = narrow(count)?,
                // Entities are written as JSON, by the engine.
                (1..=3, _) => return Err(Unusual),
                _ => {}
            }
            once.see(number)?;
        }
        Ok((head, identity, plain_text(service_name.unwrap_or_default())?))
    }

    /// A scope, and the numbers of its name and version.
    fn scope(&mut self, message: &'a [u8]) -> Result<(Head, u32, u32), Unusual> {
        let mut head = Head::default();
        let (mut name, mut version) = (0, 0);
        let mut once = Once::default();
        let mut fields = Fields::of(message);
        while let Some((number, value)) = fields.next_field()? {
            match (number, value) {
                (3, Value::Bytes(attribute)) => {
                    head.push(attribute, &mut self.scope_keys)?;
                    continue;
                }
                (1, Value::Bytes(text)) => name = self.scope_names.number(text),
                (2, Value::Bytes(text)) => version = self.scope_versions.number(text),
                (4, Value::Varint(count)) => head.dropped_attributes_count = narrow(count)?,
                (1..=4, _) => return Err(Unusual),
                _ => {}
            }
            once.see(number)?;
        }
        Ok((head, name, version))
    }

    /// Call `take` with the columns as they are written.
    pub fn named<T>(&self, take: impl FnOnce(&[Named]) -> T) -> T {
        let texts = |dictionary, number| TextOfShare { shares: self, dictionary, number };
        let counts = |number| CountOfShare { shares: self, number };
        let maps = |dictionary, head| MapOfShare { shares: self, dictionary, head };
        take(&[
            ("ProjectId", LOW, &texts(&self.projects, |share| share.project)),
            ("Client", LOW, &texts(&self.clients, |share| share.client)),
            ("ServiceName", LOW, &texts(&self.service_names, |share| share.service_name)),
            (
                "ResourceSchemaUrl",
                LOW,
                &texts(&self.resource_schema_urls, |share| share.resource_schema_url),
            ),
            ("ResourceAttributes", MAP, &maps(&self.resource_keys, |share| &share.resource)),
            (
                "ResourceDroppedAttributesCount",
                "UInt32",
                &counts(|share| share.resource.dropped_attributes_count),
            ),
            ("ResourceEntityRefs", "String", &EmptyTexts { rows: self.rows }),
            (
                "ScopeSchemaUrl",
                LOW,
                &texts(&self.scope_schema_urls, |share| share.scope_schema_url),
            ),
            ("ScopeName", LOW, &texts(&self.scope_names, |share| share.scope_name)),
            ("ScopeVersion", LOW, &texts(&self.scope_versions, |share| share.scope_version)),
            ("ScopeAttributes", MAP, &maps(&self.scope_keys, |share| &share.scope)),
            (
                "ScopeDroppedAttributesCount",
                "UInt32",
                &counts(|share| share.scope.dropped_attributes_count),
            ),
        ])
    }

    fn runs(&self) -> impl Iterator<Item = (&Share<'a>, u64)> {
        self.runs.iter().map(|(share, rows)| (&self.shares[*share as usize], *rows))
    }
}

impl Head {
    fn push<'a>(
        &mut self,
        message: &'a [u8],
        keys: &mut Dictionary<'a>,
    ) -> Result<(&'a [u8], &'a [u8]), Unusual> {
        let (key, value) = key_value(message)?;
        self.keys.push(keys.number(key));
        append_text(value, &mut self.values)?;
        Ok((key, value))
    }

    fn size_bytes(&self) -> u64 {
        (4 * self.keys.len() + self.values.bytes().len()) as u64
    }
}

/// A number of 32 bits; one that is larger is [`Unusual`].
pub fn narrow(number: u64) -> Result<u32, Unusual> {
    u32::try_from(number).map_err(|_| Unusual)
}

struct TextOfShare<'c, 'a> {
    shares: &'c Shares<'a>,
    dictionary: &'c Dictionary<'a>,
    number: fn(&Share) -> u32,
}

impl Column for TextOfShare<'_, '_> {
    fn write_prefix(&self, out: &mut dyn Write) -> io::Result<()> {
        write_u64(1, out)
    }

    fn write_data(&self, out: &mut dyn Write) -> io::Result<()> {
        self.dictionary.write_head(self.shares.rows, out)?;
        for (share, rows) in self.shares.runs() {
            let (index, width) = self.dictionary.index((self.number)(share));
            write_repeated(&index[..width], rows, out)?;
        }
        Ok(())
    }
}

struct CountOfShare<'c, 'a> {
    shares: &'c Shares<'a>,
    number: fn(&Share) -> u32,
}

impl Column for CountOfShare<'_, '_> {
    fn write_data(&self, out: &mut dyn Write) -> io::Result<()> {
        for (share, rows) in self.shares.runs() {
            write_repeated(&(self.number)(share).to_le_bytes(), rows, out)?;
        }
        Ok(())
    }
}

struct MapOfShare<'c, 'a> {
    shares: &'c Shares<'a>,
    dictionary: &'c Dictionary<'a>,
    head: for<'s> fn(&'s Share) -> &'s Head,
}

impl MapOfShare<'_, '_> {
    /// The keys of a head as they are written.
    fn indexes(&self, head: &Head) -> Vec<u8> {
        let mut indexes = Vec::with_capacity(4 * head.keys.len());
        for key in &head.keys {
            let (index, width) = self.dictionary.index(*key);
            indexes.extend_from_slice(&index[..width]);
        }
        indexes
    }
}

impl Column for MapOfShare<'_, '_> {
    fn write_prefix(&self, out: &mut dyn Write) -> io::Result<()> {
        write_u64(1, out)
    }

    fn write_data(&self, out: &mut dyn Write) -> io::Result<()> {
        let mut pairs = 0;
        for (share, rows) in self.shares.runs() {
            pairs = write_ends(pairs, (self.head)(share).keys.len() as u64, rows, out)?;
        }
        if pairs == 0 {
            return Ok(());
        }
        self.dictionary.write_head(pairs, out)?;
        let shares = self.shares.shares.iter();
        let indexes: Vec<Vec<u8>> = shares.map(|share| self.indexes((self.head)(share))).collect();
        for (share, rows) in &self.shares.runs {
            write_repeated(&indexes[*share as usize], *rows, out)?;
        }
        for (share, rows) in self.shares.runs() {
            write_repeated((self.head)(share).values.bytes(), rows, out)?;
        }
        Ok(())
    }
}

/// A column of empty texts.
struct EmptyTexts {
    rows: u64,
}

impl Column for EmptyTexts {
    fn write_data(&self, out: &mut dyn Write) -> io::Result<()> {
        write_repeated(&[0], self.rows, out)
    }
}
