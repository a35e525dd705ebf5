//! The life of an exclusion: proposed by one, agreed or disputed by another, perhaps withdrawn.
//!
//! ```text
//! propose ─► proposed ─┬─ agree    (somebody else) ─► agreed ──── dispute ─► disputed
//!                      ├─ dispute  (somebody else) ─► disputed ── agree ──► agreed
//!                      └─ withdraw (the proposer)  ─► withdrawn   (also from agreed and disputed; final)
//! ```
//!
//! Records are only added; what stands is what folding all of them gives. A step that the rules forbid is
//! refused before it is written ([`Exclusions::check`]) and, should it stand in the chain all the same, ignored.

use std::collections::BTreeMap;

use super::record::{Action, Exclusion, Record};
use crate::units::{Sec, Span};

/// Longest text accepted in a field, bytes.
pub const MAX_TEXT: usize = 2_000;

/// Where an exclusion stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Standing {
    /// Nobody else has said anything yet: it excludes nothing.
    Proposed,
    /// Somebody other than its proposer accepts it: it excludes.
    Agreed,
    /// Somebody rejects it: it excludes nothing.
    Disputed,
    /// Its proposer took it back: it excludes nothing any more.
    Withdrawn,
}

/// An exclusion with all that was done about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Case {
    /// Its identifier.
    pub id: String,
    /// Services that it touches.
    pub services: Vec<String>,
    /// When.
    pub span: Span,
    /// Where it stands.
    pub standing: Standing,
    /// Every step: `seq` of its record, when, what.
    pub steps: Vec<(u64, Sec, Exclusion)>,
}

impl Case {
    /// Who proposed it.
    #[must_use]
    pub fn proposer(&self) -> &str {
        self.steps.first().map_or("", |(_, _, step)| &step.who)
    }
}

/// All exclusions, by identifier.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Exclusions {
    cases: BTreeMap<String, Case>,
}

/// Why a step is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// A field is empty or too long.
    #[error("{0} must be given, in at most {MAX_TEXT} bytes")]
    Text(&'static str),
    /// A proposal without services or time.
    #[error("a proposal names at least one service, and a time that ends after it begins")]
    Proposal,
    /// A second proposal of the same name.
    #[error("there is an exclusion {0} already")]
    Taken(String),
    /// A step about nothing.
    #[error("there is no exclusion {0}")]
    Unknown(String),
    /// Four eyes.
    #[error("{who} proposed {id}: somebody else must agree or dispute")]
    SamePerson {
        /// The exclusion.
        id: String,
        /// The proposer.
        who: String,
    },
    /// Only the proposer withdraws.
    #[error("only {who}, who proposed {id}, may withdraw it")]
    NotProposer {
        /// The exclusion.
        id: String,
        /// The proposer.
        who: String,
    },
    /// It stands so already, or for good.
    #[error("{id} is {} already", match .standing { Standing::Withdrawn => "withdrawn", Standing::Agreed => "agreed", Standing::Disputed => "disputed", Standing::Proposed => "proposed" })]
    Settled {
        /// The exclusion.
        id: String,
        /// Where it stands.
        standing: Standing,
    },
}

impl Exclusions {
    /// Takes a record in; one that is not about exclusions, or that the rules forbid, changes nothing.
    pub fn take(&mut self, record: &Record) {
        if let super::record::Body::Exclusion(step) = &record.body {
            let _ = self.apply(record.seq, record.at, step);
        }
    }

    /// Whether a step may be written.
    pub fn check(&self, step: &Exclusion) -> Result<(), Refused> {
        self.standing_after(step).map(drop)
    }

    fn apply(&mut self, seq: u64, at: Sec, step: &Exclusion) -> Result<(), Refused> {
        let standing = self.standing_after(step)?;
        let case = self.cases.entry(step.id.clone()).or_insert_with(|| Case {
            id: step.id.clone(),
            services: step.services.clone(),
            span: step.span.unwrap_or(Span::new(Sec(0), Sec(0))),
            standing,
            steps: Vec::new(),
        });
        case.standing = standing;
        case.steps.push((seq, at, step.clone()));
        Ok(())
    }

    fn standing_after(&self, step: &Exclusion) -> Result<Standing, Refused> {
        for (name, text) in [("an identifier", &step.id), ("a name (who)", &step.who), ("a reason (why)", &step.why)] {
            if text.trim().is_empty() || text.len() > MAX_TEXT {
                return Err(Refused::Text(name));
            }
        }
        if step.reference.len() > MAX_TEXT {
            return Err(Refused::Text("a reference"));
        }
        let (id, who) = (step.id.clone(), step.who.as_str());
        let case = match (self.cases.get(&id), step.action) {
            (Some(_), Action::Propose) => return Err(Refused::Taken(id)),
            (None, Action::Propose) if step.services.is_empty() || step.span.is_none_or(Span::is_empty) => {
                return Err(Refused::Proposal);
            }
            (None, Action::Propose) => return Ok(Standing::Proposed),
            (None, _) => return Err(Refused::Unknown(id)),
            (Some(case), _) => case,
        };
        // Names are compared as people read them.
        let same = case.proposer().trim().eq_ignore_ascii_case(who.trim());
        let proposer = case.proposer().to_owned();
        match (step.action, case.standing) {
            (_, Standing::Withdrawn) => Err(Refused::Settled { id, standing: case.standing }),
            (Action::Withdraw, _) if !same => Err(Refused::NotProposer { id, who: proposer }),
            (Action::Withdraw, _) => Ok(Standing::Withdrawn),
            (Action::Agree | Action::Dispute, _) if same => Err(Refused::SamePerson { id, who: proposer }),
            (Action::Agree, Standing::Agreed) | (Action::Dispute, Standing::Disputed) => {
                Err(Refused::Settled { id, standing: case.standing })
            }
            (Action::Agree, _) => Ok(Standing::Agreed),
            (Action::Dispute, _) => Ok(Standing::Disputed),
            (Action::Propose, _) => Err(Refused::Taken(id)),
        }
    }

    /// All, in order of their identifiers.
    pub fn cases(&self) -> impl Iterator<Item = &Case> {
        self.cases.values()
    }

    /// Those that exclude.
    pub fn agreed(&self) -> impl Iterator<Item = &Case> {
        self.cases().filter(|c| c.standing == Standing::Agreed)
    }

    /// An identifier that is not taken: `X-1`, `X-2` …
    #[must_use]
    pub fn next_id(&self) -> String {
        let free = (self.cases.len() + 1..).map(|n| format!("X-{n}")).find(|id| !self.cases.contains_key(id));
        free.expect("numbers do not end")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::record::Body;

    fn step(action: Action, who: &str) -> Exclusion {
        let propose = action == Action::Propose;
        Exclusion {
            id: "X-1".into(),
            action,
            who: who.into(),
            why: "site power".into(),
            reference: String::new(),
            services: if propose { vec!["ch-voice".into()] } else { vec![] },
            span: propose.then_some(Span::new(Sec(60), Sec(120))),
        }
    }

    fn after(steps: &[(Action, &str)]) -> (Exclusions, Result<(), Refused>) {
        let mut all = Exclusions::default();
        let mut last = Ok(());
        for (n, (action, who)) in steps.iter().enumerate() {
            let step = step(*action, who);
            last = all.check(&step);
            all.take(&Record { seq: n as u64 + 1, at: Sec(0), body: Body::Exclusion(step) });
        }
        (all, last)
    }

    #[test]
    fn steps_lead_where_the_table_says() {
        use Action::{Agree, Dispute, Propose, Withdraw};
        use Standing::{Agreed, Disputed, Proposed, Withdrawn};
        type Steps = [(Action, &'static str)];
        let table: [(&Steps, Standing, bool); 12] = [
            (&[(Propose, "ann")], Proposed, true),
            (&[(Propose, "ann"), (Agree, "bob")], Agreed, true),
            (&[(Propose, "ann"), (Agree, "ann")], Proposed, false),
            (&[(Propose, "ann"), (Agree, " Ann ")], Proposed, false),
            (&[(Propose, "ann"), (Dispute, "bob")], Disputed, true),
            (&[(Propose, "ann"), (Dispute, "bob"), (Agree, "bob")], Agreed, true),
            (&[(Propose, "ann"), (Agree, "bob"), (Dispute, "cat")], Disputed, true),
            (&[(Propose, "ann"), (Agree, "bob"), (Agree, "cat")], Agreed, false),
            (&[(Propose, "ann"), (Agree, "bob"), (Withdraw, "ann")], Withdrawn, true),
            (&[(Propose, "ann"), (Withdraw, "bob")], Proposed, false),
            (&[(Propose, "ann"), (Withdraw, "ann"), (Agree, "bob")], Withdrawn, false),
            (&[(Propose, "ann"), (Propose, "bob")], Proposed, false),
        ];
        for (steps, standing, allowed) in table {
            let (all, last) = after(steps);
            let case = all.cases().next().expect("proposed");
            assert_eq!((case.standing, last.is_ok()), (standing, allowed), "{steps:?}");
            assert_eq!(all.agreed().count(), usize::from(standing == Agreed));
        }
    }

    #[test]
    fn a_step_about_nothing_or_without_reason_is_refused() {
        let none = Exclusions::default();
        assert_eq!(none.check(&step(Action::Agree, "bob")), Err(Refused::Unknown("X-1".into())));
        assert_eq!(
            none.check(&Exclusion { why: " ".into(), ..step(Action::Propose, "ann") }),
            Err(Refused::Text("a reason (why)"))
        );
        assert_eq!(none.check(&Exclusion { services: vec![], ..step(Action::Propose, "ann") }), Err(Refused::Proposal));
        assert_eq!(none.next_id(), "X-1");
        assert_eq!(after(&[(Action::Propose, "ann")]).0.next_id(), "X-2");
    }
}
