"""DL/T 645-2007 without any input or output: bytes in, events out; values in, bytes out.

One core for both ends. The gateway uses it as the PLATFORM, the simulated meter as the METER, and the
phone's Bluetooth link carries the same bytes as the 4G socket. Nothing here opens a socket, reads a clock
or keeps a database: the caller owns the transport, the time-outs and the retries.

* ``bcd``, ``frames``, ``stream`` turn bytes into frames and back;
* ``registers`` says what a data identifier (DI) means and how wide it is, ``codecs`` how its value is written,
  ``status_words`` and ``supply_report`` what its bits and parts mean;
* ``reads``, ``relay``, ``timing``, ``parameters``, ``clearing`` build and parse the standard's questions,
  ``prepaid`` and ``security`` those of the prepaid extension; ``questions`` tells any of them apart;
* ``credits`` is the one door to a recharge, whatever layout the model takes;
* ``answers`` builds a meter's answers, ``replies`` reads them and tells which belongs to which question,
  ``follow_up`` joins and cuts those that need several frames;
* ``openings`` knows how a meter announces itself when its link comes up, ``foreign`` what others speak;
* ``profiles`` holds what differs between models, as data;
* ``connection`` ties these together for one link; ``describe`` puts any frame into words.

The function that builds a frame or value draws its bytes and names their source; the one that parses it
reads exactly those. Addresses are the twelve digits printed on the meter ("000000219998") and DIs the eight
hexadecimal digits printed in the standard ("00900100"). The low-byte-first order of the wire exists only
inside this package.
"""
