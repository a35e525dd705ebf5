//! What the E-model knows of each codec (ITU-T G.113 Appendix I).

use crate::config::model::Codec;

/// A codec's parameters.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Parameters {
    /// Its name in configuration and evidence.
    pub name: &'static str,
    /// Equipment impairment factor without loss (Ie).
    pub ie: f64,
    /// Packet-loss robustness factor (Bpl).
    pub bpl: f64,
    /// Packet size for which both were measured, milliseconds.
    pub packet_ms: f64,
    /// Delay of coding, packing and decoding at both ends together, milliseconds.
    pub endpoint_ms: f64,
    /// Rated on the wideband scale of G.107.1.
    pub wideband: bool,
    /// No published pair of Ie and Bpl, or wideband.
    pub approximate: bool,
}

/// The parameters of `codec`.
///
/// End-point delay is two packets of 20 ms for sample-based codecs; for frame-based ones two
/// frames and the look-ahead. Where no Bpl is published: G.729 takes that of G.729A; G.726
/// and G.722 take that of G.711 without concealment, the least robust one known.
#[must_use]
pub fn parameters(codec: Codec) -> Parameters {
    let narrow = |name, ie, bpl, packet_ms, endpoint_ms, approximate| Parameters {
        name,
        ie,
        bpl,
        packet_ms,
        endpoint_ms,
        wideband: false,
        approximate,
    };
    match codec {
        Codec::G711 => narrow("G.711", 0.0, 25.1, 10.0, 40.0, false),
        Codec::G711NoPlc => narrow("G.711-no-PLC", 0.0, 4.3, 10.0, 40.0, false),
        Codec::G729a => narrow("G.729A", 11.0, 19.0, 20.0, 25.0, false),
        Codec::G729 => narrow("G.729", 10.0, 19.0, 20.0, 25.0, true),
        Codec::G7231 => narrow("G.723.1", 15.0, 16.1, 30.0, 67.5, false),
        Codec::GsmEfr => narrow("GSM-EFR", 5.0, 10.0, 20.0, 40.0, false),
        Codec::G72632 => narrow("G.726-32", 7.0, 4.3, 20.0, 40.0, true),
        Codec::G722 => Parameters { wideband: true, ..narrow("G.722", 13.0, 4.3, 20.0, 40.0, true) },
    }
}
