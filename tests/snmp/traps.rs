//! Notifications from net-snmp's own tools, and noise.

mod common;

use std::net::{SocketAddr, UdpSocket};
use std::process::Command;
use std::time::Duration;

use assured_probes::snmp::trap::{About, Bounds, Desk, Hint, Options, Receiver, Verdict};
use assured_probes::snmp::{Auth, Credential, Privacy, Secret, Version};
use common::{Folder, Noise};
use tokio::sync::mpsc;

const ENGINE: &str = "80001f8804617373757265642d74726170";

async fn receiver() -> (SocketAddr, mpsc::Receiver<Hint>) {
    let user = Credential::user(
        "trapper",
        Some((Auth::Sha256, Secret::new(b"auth-secret-1"))),
        Some((Privacy::Aes128, Secret::new(b"priv-secret-2"))),
    );
    let engine: Vec<u8> =
        (0..ENGINE.len() / 2).map(|i| u8::from_str_radix(&ENGINE[2 * i..2 * i + 2], 16).unwrap()).collect();
    let options = Options {
        listen: SocketAddr::from(([127, 0, 0, 1], 0)),
        credentials: vec![Credential::community(Version::V2c, "public"), user.unwrap()],
        engine: (engine, 2),
    };
    let receiver = Receiver::open(&options).await.expect("a receiver");
    let address = receiver.local_addr();
    let (send, receive) = mpsc::channel(16);
    tokio::spawn(receiver.run(send));
    (address, receive)
}

async fn tool(name: &str, args: &[&str]) -> bool {
    let folder = Folder::new();
    let mut command = Command::new(name);
    command.env("SNMP_PERSISTENT_DIR", &folder.0).env("SNMPCONFPATH", &folder.0).args(args);
    let output =
        tokio::task::spawn_blocking(move || command.output().expect("net-snmp's tools: the Debian package snmp"));
    let output = output.await.unwrap();
    drop(folder);
    output.status.success()
}

async fn next(hints: &mut mpsc::Receiver<Hint>) -> Hint {
    tokio::time::timeout(Duration::from_secs(20), hints.recv()).await.expect("a hint in time").expect("a hint")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn traps_and_informs_of_every_version_become_hints() {
    let (address, mut hints) = receiver().await;
    let to = address.to_string();
    let link = ["1.3.6.1.2.1.2.2.1.1.7", "i", "7"];
    let down = "1.3.6.1.6.3.1.1.5.3";

    assert!(
        tool(
            "snmptrap",
            &["-v1", "-cpublic", &to, "1.3.6.1.4.1.9", "127.0.0.1", "2", "0", "55", link[0], link[1], link[2]]
        )
        .await
    );
    let hint = next(&mut hints).await;
    assert_eq!((hint.about, hint.authenticated), (About::Link { up: false, index: Some(7) }, false));
    assert_eq!(hint.uptime, 55);

    assert!(tool("snmptrap", &["-v2c", "-cpublic", &to, "56", down, link[0], link[1], link[2]]).await);
    assert_eq!(next(&mut hints).await.about, About::Link { up: false, index: Some(7) });

    assert!(tool("snmpinform", &["-v2c", "-cpublic", "-t3", &to, "57", "1.3.6.1.6.3.1.1.5.1"]).await, "acknowledged");
    assert_eq!(next(&mut hints).await.about, About::Restart);

    let v3 = ["-v3", "-utrapper", "-lauthPriv", "-aSHA-256", "-Aauth-secret-1", "-xAES", "-Xpriv-secret-2"];
    let with = |more: &[&'static str]| -> Vec<String> { v3.iter().chain(more).map(|s| (*s).to_owned()).collect() };
    let args = |mut base: Vec<String>, trap: &str| -> Vec<String> {
        base.extend([to.clone(), "58".to_owned(), trap.to_owned()]);
        base
    };
    let inform = args(with(&["-t3"]), "1.3.6.1.2.1.15.0.2");
    assert!(tool("snmpinform", &inform.iter().map(String::as_str).collect::<Vec<_>>()).await, "acknowledged");
    let hint = next(&mut hints).await;
    assert_eq!((hint.about, hint.authenticated), (About::Bgp, true));

    let trap = args(with(&["-e", "0x8000000001020304"]), "1.3.6.1.4.1.9.9.42.2.0.2");
    assert!(tool("snmptrap", &trap.iter().map(String::as_str).collect::<Vec<_>>()).await);
    let hint = next(&mut hints).await;
    assert_eq!((hint.about, hint.authenticated), (About::IpSla, true));

    // Neither a wrong community nor a wrong password is heard.
    tool("snmptrap", &["-v2c", "-cguess", &to, "59", down]).await;
    let mut forged = args(with(&["-e", "0x8000000001020304"]), down);
    forged.iter_mut().filter(|a| a.starts_with("-A")).for_each(|a| *a = "-Anot-the-secret".to_owned());
    tool("snmptrap", &forged.iter().map(String::as_str).collect::<Vec<_>>()).await;
    assert!(tool("snmptrap", &["-v2c", "-cpublic", &to, "60", "1.3.6.1.6.3.1.1.5.4"]).await);
    assert_eq!(
        next(&mut hints).await.about,
        About::Link { up: true, index: None },
        "the next one heard is the good one"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn noise_neither_stops_nor_floods_the_receiver() {
    let (address, mut hints) = receiver().await;
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let trap = [
        0x30, 0x40, 2, 1, 1, 4, 6, b'p', b'u', b'b', b'l', b'i', b'c', 0xa7, 0x33, 2, 1, 9, 2, 1, 0, 2, 1, 0, 0x30,
        0x28, 0x30, 0x0d, 6, 8, 0x2b, 6, 1, 2, 1, 1, 3, 0, 0x43, 1, 5, 0x30, 0x17, 6, 0x0a, 0x2b, 6, 1, 6, 3, 1, 1, 4,
        1, 0, 6, 9, 0x2b, 6, 1, 6, 3, 1, 1, 5, 3,
    ];
    let mut noise = Noise(0xfeed);
    let mut desk = Desk::new(Bounds::default());
    let mut verdicts = [0u32; 2];
    for n in 0..100_000u32 {
        let mut bytes = trap.to_vec();
        noise.mutate(&mut bytes);
        let _ = socket.send_to(&bytes, address);
        if n % 64 == 0 {
            tokio::task::yield_now().await;
        }
        while let Ok(hint) = hints.try_recv() {
            verdicts[usize::from(desk.take(&hint, Duration::ZERO) == Verdict::Poll)] += 1;
        }
    }
    assert_eq!(verdicts[1].min(1), verdicts[1], "one sender sets off one poll, whatever it makes up");
    // And it still hears.
    loop {
        socket.send_to(&trap, address).unwrap();
        let heard =
            tokio::time::timeout(Duration::from_secs(20), hints.recv()).await.expect("heard in time").expect("open");
        if heard.about == (About::Link { up: false, index: None }) && heard.uptime == 5 {
            break;
        }
    }
}
