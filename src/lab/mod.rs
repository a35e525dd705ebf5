//! A fleet of devices that really answers, with a script of faults.
