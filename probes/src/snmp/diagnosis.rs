//! Why does a v3 agent stay silent? Builds the questions that find out, and reads the answers. Pure.
//!
//! An agent that refuses an authenticated request says so in a Report that nobody has signed (RFC 3414 §3.2). The
//! client library rightly ignores those, so that a wrong password looks like a dead device. Here such Reports
//! are read for what they are worth: a hint for the operator, never a reason to trust or to stop asking.
//!
//! Three questions: who are you (engine, boots, time), a signed request without privacy, and, where privacy is
//! configured, a signed one that claims it.

use async_snmp::v3::LocalizedKey;
use async_snmp::v3::UsmSecurityParams;
use async_snmp::v3::auth::authenticate_message;

use super::ber::{Pdu, PduKind, Reader, pdu, put, put_integer, put_pdu};
use super::{Access, Binding, Oid, Value};

/// What an agent says about its engine, unsigned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Engine {
    /// `snmpEngineID`.
    pub id: Vec<u8>,
    /// `snmpEngineBoots`.
    pub boots: i32,
    /// `snmpEngineTime`, in seconds.
    pub time: i32,
}

/// What came back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Heard {
    /// A Report with this counter below `usmStats` (RFC 3414 §5).
    Report(u32),
    /// An answer: the signature was accepted.
    Answer,
}

const USM_STATS: [u32; 9] = [1, 3, 6, 1, 6, 3, 15, 1, 1];
const REPORTABLE: u8 = 4;
const SIGNED: u8 = 1;
const PRIVATE: u8 = 2;

/// Asks an engine who it is (RFC 3414 §4).
pub fn who_are_you(msg_id: i32) -> Vec<u8> {
    let nobody = Engine { id: Vec::new(), boots: 0, time: 0 };
    let ask = Pdu { kind: PduKind::Get, request_id: msg_id, status: 0, index: 0, bindings: Vec::new() };
    message(msg_id, REPORTABLE, &nobody, b"", &[], &[], &scoped(&nobody, &ask))
}

/// Asks for `sysUpTime`, signed.
pub fn signed(msg_id: i32, engine: &Engine, user: &str, key: &LocalizedKey) -> Option<Vec<u8>> {
    let bindings = vec![Binding { oid: Oid::new(&[1, 3, 6, 1, 2, 1, 1, 3, 0]), value: Value::Null }];
    let ask = Pdu { kind: PduKind::Get, request_id: msg_id, status: 0, index: 0, bindings };
    sign(
        message(
            msg_id,
            REPORTABLE | SIGNED,
            engine,
            user.as_bytes(),
            &vec![0; key.mac_len()],
            &[],
            &scoped(engine, &ask),
        ),
        key,
    )
}

/// Claims privacy, with a body of noise: an agent that has none for this user says so before it deciphers.
pub fn claimed_private(
    msg_id: i32,
    engine: &Engine,
    user: &str,
    key: &LocalizedKey,
    noise: &[u8; 56],
) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    put(&mut body, 0x04, &noise[8..]);
    let flags = REPORTABLE | SIGNED | PRIVATE;
    sign(message(msg_id, flags, engine, user.as_bytes(), &vec![0; key.mac_len()], &noise[..8], &body), key)
}

/// A PDU in the engine's default context.
pub fn scoped(engine: &Engine, ask: &Pdu) -> Vec<u8> {
    let mut inner = Vec::new();
    put(&mut inner, 0x04, &engine.id);
    put(&mut inner, 0x04, b"");
    put_pdu(&mut inner, ask);
    let mut out = Vec::new();
    put(&mut out, 0x30, &inner);
    out
}

/// A v3 message as it goes on the wire (RFC 3412 §6): `auth` and `privacy` are the parameters of RFC 3414 §2.4.
pub fn message(
    msg_id: i32,
    flags: u8,
    engine: &Engine,
    user: &[u8],
    auth: &[u8],
    privacy: &[u8],
    data: &[u8],
) -> Vec<u8> {
    let mut global = Vec::new();
    put_integer(&mut global, msg_id);
    put_integer(&mut global, 1_472);
    put(&mut global, 0x04, &[flags]);
    put_integer(&mut global, 3);
    let mut usm = Vec::new();
    put(&mut usm, 0x04, &engine.id);
    put_integer(&mut usm, engine.boots);
    put_integer(&mut usm, engine.time);
    put(&mut usm, 0x04, user);
    put(&mut usm, 0x04, auth);
    put(&mut usm, 0x04, privacy);
    let mut security = Vec::new();
    put(&mut security, 0x30, &usm);
    let mut body = Vec::new();
    put_integer(&mut body, 3);
    put(&mut body, 0x30, &global);
    put(&mut body, 0x04, &security);
    body.extend_from_slice(data);
    let mut whole = Vec::new();
    put(&mut whole, 0x30, &body);
    whole
}

/// Puts the signature where `message` left room for it.
pub fn sign(mut message: Vec<u8>, key: &LocalizedKey) -> Option<Vec<u8>> {
    let (offset, length) = UsmSecurityParams::find_auth_params_offset(&message)?;
    authenticate_message(key, &mut message, offset, length).ok()?;
    Some(message)
}

/// Reads what came back for `msg_id`: who says it, and what. `None` for anything else.
pub fn read(datagram: &[u8], msg_id: i32) -> Option<(Engine, Heard)> {
    let mut body = Reader::new(Reader::new(datagram).expect(0x30).ok()?);
    if body.integer().ok()? != 3 {
        return None;
    }
    let mut global = Reader::new(body.expect(0x30).ok()?);
    if global.integer().ok()? != msg_id {
        return None;
    }
    global.integer().ok()?;
    let flags = *global.expect(0x04).ok()?.first()?;
    let mut usm = Reader::new(Reader::new(body.expect(0x04).ok()?).expect(0x30).ok()?);
    let id = usm.expect(0x04).ok()?.to_vec();
    let engine = Engine { id, boots: usm.integer().ok()?, time: usm.integer().ok()? };
    if flags & PRIVATE != 0 {
        return Some((engine, Heard::Answer));
    }
    let mut scoped = Reader::new(body.expect(0x30).ok()?);
    scoped.expect(0x04).ok()?;
    scoped.expect(0x04).ok()?;
    let pdu = pdu(&mut scoped).ok()?;
    if pdu.kind != PduKind::Report {
        return Some((engine, Heard::Answer));
    }
    let object = &pdu.bindings.first()?.oid;
    let counter = *object.below(&Oid::new(&USM_STATS))?.first()?;
    Some((engine, Heard::Report(counter)))
}

/// What a Report means for our access; the counters below `usmStats` are those of RFC 3414 §5.
pub fn meaning(counter: u32) -> Option<Access> {
    Some(match counter {
        1 => Access::UnsupportedLevel,
        2 => Access::ClockSkew,
        3 => Access::UnknownUser,
        4 => Access::UnknownEngine,
        5 => Access::WrongPassword,
        6 => Access::WrongPrivacy,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(msg_id: i32, counter: u32) -> Vec<u8> {
        let engine = Engine { id: vec![0x80, 0, 0, 1, 2], boots: 7, time: 99 };
        let oid = Oid::new(&USM_STATS).child(&[counter, 0]);
        let bindings = vec![Binding { oid, value: Value::Counter32(3) }];
        let pdu = Pdu { kind: PduKind::Report, request_id: 0, status: 0, index: 0, bindings };
        message(msg_id, 0, &engine, b"", &[], &[], &scoped(&engine, &pdu))
    }

    #[test]
    fn every_report_has_its_meaning() {
        for (counter, access) in [
            (1, Access::UnsupportedLevel),
            (2, Access::ClockSkew),
            (3, Access::UnknownUser),
            (4, Access::UnknownEngine),
            (5, Access::WrongPassword),
            (6, Access::WrongPrivacy),
        ] {
            let (engine, heard) = read(&report(11, counter), 11).unwrap();
            assert_eq!((engine.boots, engine.time, &heard), (7, 99, &Heard::Report(counter)));
            assert_eq!(meaning(counter), Some(access));
        }
    }

    #[test]
    fn another_messages_report_and_nonsense_are_not_heard() {
        assert_eq!(read(&report(11, 5), 12), None);
        let whole = report(11, 5);
        for length in 0..whole.len() {
            assert_eq!(read(&whole[..length], 11), None);
        }
        assert_eq!(read(&who_are_you(4), 4).map(|(_, heard)| heard), Some(Heard::Answer));
    }
}
