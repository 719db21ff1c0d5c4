//! The real program between real clients and real targets. Each test also holds the journal and
//! the recording against what was seen.

mod anchors;
mod backup;
mod brakes;
mod bundle;
mod clients;
mod console;
mod demo;
mod door;
mod enrolment;
mod equipment;
mod faults;
mod files;
mod hostile;
mod hours;
mod joining;
mod lobby;
mod matrix;
mod notify;
mod people;
mod planned;
mod raw;
mod reading;
mod refused;
mod relay;
mod reports;
mod retention;
mod scanner;
mod scenarios;
mod sealing;
mod siem;
mod system;
mod tunnels;
mod watching;
mod witness;
