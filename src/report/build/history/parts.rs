//! The records of a journal, sorted by what they are about.

use std::collections::BTreeMap;

use super::{Case, CaseState, ClassRow, Note, PastMonth};
use crate::config::Config;
use crate::evidence::fault::Faults;
use crate::evidence::record::Body;
use crate::measurement::status::DatedBy;
use crate::measurement::{Cause, Verdict};
use crate::names::{ClassIx, ComponentIx, ServiceIx};
use crate::report::fault;
use crate::report::journal::{Entry, RoundOutcome, Source};
use crate::report::model::{Change, Revision};
use crate::sketch::Sketch;
use crate::sla::calendar::Month;
use crate::sla::objective::ClassAggregate;
use crate::units::{Micros, Sec, Span};

#[derive(Debug, Clone)]
pub(super) struct Rounds {
    pub(super) component: ComponentIx,
    pub(super) source: Source,
    pub(super) first: Sec,
    pub(super) step: i64,
    pub(super) interval: u64,
    pub(super) count: u64,
    pub(super) verdict: Verdict,
    pub(super) dated_by: DatedBy,
}

impl Rounds {
    /// When the last of them was due.
    pub(super) fn last(&self) -> Sec {
        let steps = i64::try_from(self.count.saturating_sub(1)).unwrap_or(i64::MAX);
        self.first.plus(self.step.saturating_mul(steps))
    }
}

/// Positions by identifier: components, classes, services.
pub(super) type Index = (BTreeMap<String, ComponentIx>, BTreeMap<String, ClassIx>, BTreeMap<String, ServiceIx>);

#[derive(Debug, Default)]
pub(super) struct Parts {
    pub(super) rounds: Vec<Rounds>,
    pub(super) classes: Vec<ClassRow>,
    pub(super) cases: Vec<Case>,
    pub(super) past: BTreeMap<ServiceIx, Vec<PastMonth>>,
    pub(super) notes: Vec<Note>,
    pub(super) faults: Faults,
    /// How many steps of faults were taken.
    pub(super) fault_steps: u64,
    pub(super) events: Vec<(Sec, String, i64, String)>,
    pub(super) configs: Vec<(Sec, String)>,
    pub(super) revision: Option<Revision>,
    pub(super) index: Option<Index>,
}

impl Parts {
    pub(super) fn take(&mut self, config: &Config, entry: &Entry) -> Result<(), String> {
        let (components, classes, services) = self.index.get_or_insert_with(|| {
            let components = config.components.iter().enumerate();
            let classes = config.classes.iter().enumerate();
            let services = config.services.iter().enumerate();
            (
                components.map(|(n, c)| (c.id.to_string(), ComponentIx::from(n))).collect(),
                classes.map(|(n, c)| (c.id.to_string(), ClassIx::from(n))).collect(),
                services.map(|(n, s)| (s.id.to_string(), ServiceIx::from(n))).collect(),
            )
        });
        let component_of =
            |id: &str| components.get(id).copied().ok_or(format!("the configuration has no component {id}"));
        let service_of = |id: &str| services.get(id).copied().ok_or(format!("the configuration has no service {id}"));
        match entry {
            Entry::Genesis { .. } => return Err("a second genesis record".into()),
            Entry::Revision { number, reason, supersedes, changes, .. } => {
                let triples = changes.chunks_exact(3);
                if !triples.remainder().is_empty() {
                    return Err("a revision lists figure, old and new value, three texts each".into());
                }
                let change = |c: &[String]| Change { figure: c[0].clone(), old: c[1].clone(), new: c[2].clone() };
                self.revision = Some(Revision {
                    number: *number,
                    reason: reason.clone(),
                    supersedes: supersedes.clone(),
                    changes: triples.map(change).collect(),
                });
            }
            Entry::Carry { component, .. } => component_of(component).map(|_| ())?,
            Entry::Config { at, note, .. } => self.configs.push((Sec(*at), note.clone())),
            Entry::Rounds { component, source, from, step, interval, count, outcome, cause, dated_by, strays: _ } => {
                let dated_by = match dated_by.as_deref() {
                    None => DatedBy::Poll,
                    Some(name) => DatedBy::parse(name).ok_or(format!("{name} dates nothing"))?,
                };
                let verdict = match outcome {
                    RoundOutcome::Reply => Verdict::Reply,
                    RoundOutcome::Lost => Verdict::Lost,
                    RoundOutcome::NotMeasured => {
                        let cause = cause.as_deref().ok_or("rounds were not measured, but it does not say why")?;
                        Verdict::NotMeasured(Cause::parse(cause).ok_or(format!("{cause} is no cause"))?)
                    }
                };
                self.rounds.push(Rounds {
                    component: component_of(component)?,
                    source: *source,
                    first: Sec(*from),
                    step: i64::try_from(*step).map_err(|_| "a step beyond all time")?,
                    interval: *interval,
                    count: *count,
                    verdict,
                    dated_by,
                });
            }
            Entry::Class {
                component,
                class,
                from,
                to,
                sent,
                lost,
                not_measured,
                rtt_count,
                rtt_sum_us,
                rtt_min_us,
                rtt_max_us,
                jitter_sum_us,
                jitter_count,
                sketch,
                parts,
            } => {
                let micros = |us: &u64| u32::try_from(*us).map(Micros).map_err(|_| "a round-trip time beyond all time");
                let answered = *rtt_count > 0;
                let span = Span::new(Sec(*from), Sec(*to));
                let aggregate = ClassAggregate {
                    span: Some(span),
                    received: sent.checked_sub(*lost).ok_or("a class record with more lost than sent")?,
                    timed: *rtt_count,
                    lost: *lost,
                    not_measured: *not_measured,
                    rtt_sum_us: *rtt_sum_us,
                    rtt_min: answered.then(|| micros(rtt_min_us)).transpose()?,
                    rtt_max: answered.then(|| micros(rtt_max_us)).transpose()?,
                    sketch: Sketch::from_text(sketch).map_err(|e| e.to_string())?,
                    jitter_nanos: jitter_sum_us.checked_mul(1000).ok_or("jitter beyond all time")?,
                    jitter_minutes: *jitter_count,
                };
                let class = classes.get(class).copied().ok_or(format!("the configuration has no class {class}"))?;
                let parts = divided(parts, &aggregate)?;
                self.classes.push(ClassRow { component: component_of(component)?, class, span, aggregate, parts });
            }
            Entry::Month { service, month, down, availability, verdict, .. } => {
                let month = Month::parse(month).ok_or(format!("{month} is no month"))?;
                self.past.entry(service_of(service)?).or_default().push(PastMonth {
                    month,
                    down: *down,
                    availability: availability.clone(),
                    verdict: verdict.clone(),
                });
            }
            Entry::Exclusion { at, id, action, by, services, from, to, reason, reference } => {
                let services = services.iter().map(|s| service_of(s)).collect::<Result<Vec<_>, _>>()?;
                self.exclusion(Sec(*at), id, action, by, services, Span::new(Sec(*from), Sec(*to)), reason, reference)?;
            }
            Entry::Fault { id, services, .. } => {
                services.iter().try_for_each(|s| service_of(s).map(drop))?;
                self.fault_steps += 1;
                let record = fault::record(self.fault_steps, entry)?.expect("it is about a fault");
                if let Body::Fault(step) = &record.body {
                    self.faults.check(step, record.at).map_err(|e| format!("fault {id}: {e}"))?;
                }
                self.faults.take(&record);
            }
            Entry::Annotation { by, service, outage, text, reference, .. } => self.notes.push(Note {
                service: service_of(service)?,
                outage: Sec(*outage),
                by: by.clone(),
                text: text.clone(),
                reference: reference.clone(),
            }),
            Entry::Monitor { at, event, seconds, detail } => {
                self.events.push((Sec(*at), event.clone(), *seconds, detail.clone()));
            }
        }
        Ok(())
    }

    /// A step in the life of an exclusion: the proposer cannot agree to his own proposal, and what is withdrawn stays so.
    #[expect(clippy::too_many_arguments, reason = "the fields of one journal record")]
    fn exclusion(
        &mut self,
        at: Sec,
        id: &str,
        action: &str,
        by: &str,
        services: Vec<ServiceIx>,
        span: Span,
        reason: &str,
        reference: &str,
    ) -> Result<(), String> {
        let step = match action {
            "propose" => CaseState::Proposed,
            "agree" => CaseState::Agreed,
            "dispute" => CaseState::Disputed,
            "withdraw" => CaseState::Withdrawn,
            other => return Err(format!("{other} is nothing that is done with an exclusion")),
        };
        let known = self.cases.iter_mut().find(|c| c.id == id);
        let entry = (at, by.to_owned(), step, reason.to_owned());
        match (known, step) {
            (None, CaseState::Proposed) => self.cases.push(Case {
                id: id.to_owned(),
                services,
                span,
                state: step,
                proposer: by.to_owned(),
                reason: reason.to_owned(),
                reference: reference.to_owned(),
                steps: vec![entry],
            }),
            (None, _) => return Err(format!("exclusion {id} was never proposed")),
            (Some(_), CaseState::Proposed) => return Err(format!("exclusion {id} was proposed twice")),
            (Some(case), _) => {
                if case.state == CaseState::Withdrawn {
                    return Err(format!("exclusion {id} was withdrawn before"));
                }
                if step == CaseState::Agreed && case.proposer == by {
                    return Err(format!("exclusion {id} was agreed to by {by}, who proposed it"));
                }
                case.state = step;
                case.steps.push(entry);
            }
        }
        Ok(())
    }
}

/// The stretches that the replies of a class record came in, and how many in each; they are all of them.
fn divided(parts: &[String], all: &ClassAggregate) -> Result<Vec<(Span, u64)>, String> {
    let mut found: Vec<(Span, u64)> = Vec::new();
    for text in parts {
        let (span, replies) = part(text).ok_or(format!("{text:?} is no part of a class record"))?;
        if found.last().is_some_and(|(before, _)| before.to > span.from) {
            return Err("the parts of a class record are not in order".into());
        }
        found.push((span, replies));
    }
    let sum = found.iter().try_fold(0_u64, |sum, (_, replies)| sum.checked_add(*replies));
    let same = sum == Some(all.timed) && all.sketch.count() == all.timed && all.population() == 0;
    if found.is_empty() || same { Ok(found) } else { Err("a class record that is not the sum of its parts".into()) }
}

/// First second, first second after, and how many replies.
fn part(text: &str) -> Option<(Span, u64)> {
    let mut words = text.split(' ');
    let (from, to, replies) = (words.next()?.parse().ok()?, words.next()?.parse().ok()?, words.next()?.parse().ok()?);
    (from < to && words.next().is_none()).then(|| (Span::new(Sec(from), Sec(to)), replies))
}
