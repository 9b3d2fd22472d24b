"""What `GET /` of the control port says; `docs/simulator.md` says the same at more length."""

PAGE = """\
RentMeter simulator: prepaid meters that act alone and can be made to suffer.

GET   /meters                      all meters
GET   /meters/{serial}             one meter, counted up to now
PATCH /meters/{serial}             change what is named, all or none; answers like GET
POST  /meters/{serial}/ble         {"hex"} a written frame, or {"write"} one write of at most ble_chunk bytes
                                   -> {"hex", "notifications"}
POST  /meters/{serial}/power-cut   {} now, or {"at_byte": n} in the middle of the next credit

PATCH takes
  link                 "up" | "down"          cut or mend the 4G link
  ble                  "up" | "down"          a phone is in range or not
  load_kw              "2.5" | null           a constant load, or the household's curve again
  grid_v               "197" | null           what the grid brings, or the nominal voltage again
  remaining_kwh        "0.02"                 set outside any recharge, as on a test bench
  purchased_kwh        "160.01"               energy nobody bought, as wrong firmware counts it
  flash                "atomic" | "energy_first" | "count_first"
  clock_ahead_s        -90                    the meter's clock is wrong by so much
  clock_drift_s_a_day  "1.5"                  and goes wrong by so much more
  relay_operations     99990                  an older contact than it is
  faults               {...} of the 4G link, added to those in force; {} heals
  ble_faults           {...} of the Bluetooth end: mute_answers delay_answers_s repeat_answers late_answers

Faults
  mute_answers n         works, drops the next n answers
  delay_answers_s s      every answer leaves s later
  stall_s s              the next answer and all behind it wait s, once (a lost segment)
  split_bytes n          every answer leaves in pieces of n bytes
  repeat_answers n       the next n answers are sent twice
  late_answers n         the next n answers leave with what is sent after them
  reset_answers n        RST instead of the next n answers
  half_open n            forgets the connection without a word and dials another, n times
  drop_after_credit n    applies the next n credits and cuts the link instead of answering
  hold_after_credit_s s  answers a credit, then nothing else for s

GET shows the registers, and faults_met: how often each fault was met. Errors: 404 unknown serial,
409 no phone in range or no Bluetooth, 422 a bad field by its name, 400 not JSON.
"""
