//! The real program between real clients and real targets. Each test also holds the journal and
//! the recording against what was seen.

mod brakes;
mod clients;
mod console;
mod crash;
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
mod refused;
mod relay;
mod scanner;
mod sealing;
mod siem;
mod system;
mod tunnels;
mod watching;
