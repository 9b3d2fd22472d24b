"""DL/T 645-2007 without any input or output: bytes in, events out; values in, bytes out.

One core for both ends. The gateway uses it as the PLATFORM, the simulated meter as the METER, and the
phone's Bluetooth link carries the same bytes as the 4G socket. Nothing here opens a socket, reads a clock
or keeps a database: the caller owns the transport, the time-outs and the retries.

* ``bcd``, ``frames``, ``stream`` turn bytes into frames and back;
* ``registers`` says what a data identifier (DI) means and how wide it is;
* ``reads``, ``relay``, ``prepaid`` build and parse the questions, ``answers`` builds a meter's answers;
* ``openings`` knows how a meter announces itself when its link comes up;
* ``replies`` tells which answer belongs to which question;
* ``profiles`` holds what differs between models, as data;
* ``connection`` ties these together for one link.

Addresses are the twelve digits printed on the meter ("000000219998") and DIs the eight hexadecimal digits
printed in the standard ("00900100"). The low-byte-first order of the wire exists only inside this package.
"""
