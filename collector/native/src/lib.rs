//! What stepsight's collector does with every byte of telemetry.
//!
//! The library is called through its C interface (`ffi.rs`) by `stepsight_collector/native`.
//! Everything it does, the collector can also do without it, more slowly: requests are checked by
//! protobuf's parser, segments are unfolded by the engine's views. So whatever is unusual is left
//! to that way: functions here answer [`Unusual`] rather than decide a rare case a second time.

#![deny(unsafe_code)]

pub mod any_value;
pub mod appender;
pub mod attributes;
pub mod buffer;
pub mod check;
pub mod columns;
#[allow(unsafe_code)]
mod ffi;
#[allow(unsafe_code)]
mod ffi_appender;
pub mod float_text;
pub mod logs;
pub mod native_format;
pub mod records;
pub mod rows;
pub mod segment;
pub mod shares;
pub mod traces;
pub mod wire;

/// Signals as the C interface numbers them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Signal {
    /// `ExportLogsServiceRequest`.
    Logs = 0,
    /// `ExportTraceServiceRequest`.
    Traces = 1,
    /// `ExportMetricsServiceRequest`.
    Metrics = 2,
}

/// The bytes are malformed, or valid in a way that is left to the slower path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unusual;
