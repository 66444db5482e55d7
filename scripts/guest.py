# SPDX-License-Identifier: MIT
"""What the guests of scripts/vm and scripts/linux-guest have in common: their initramfs, and what
they say on their serial port.

  @begin NAME, @end NAME STATUS    around a program, whose own TAP is passed on under its name
  @ok NAME, @not NAME              a check of the case itself
  @skip NAME REASON
  @qmp JSON, @hmp COMMAND          have QEMU do something to the machine
  @done                            nothing follows; without it the case has failed
"""
import json
import os
import pathlib
import re
import selectors
import socket
import subprocess
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
NEW_FILE = 0o100755


class Missing(Exception):
    """What is not at hand, with the command that provides it."""


class Case:
    """A shell script for the guest. Comments in its head, "# KEY: VALUE", describe the machine."""

    def __init__(self, folder, name):
        self.text = (ROOT / folder / f'{name}.sh').read_text(encoding='utf-8')
        self.seconds = float((self.values('seconds') or ['120'])[-1])
        self.seconds *= float(os.environ.get('BELFRY_VM_PATIENCE', '1'))

    def values(self, key):
        return re.findall(rf'^# {key}: (.*)$', self.text, re.M)

    def words(self, key):
        return ' '.join(self.values(key)).split()


class Archive:
    """An initramfs in cpio's "newc" form."""

    def __init__(self):
        self.data, self.inode, self.folders = bytearray(), 0, set()

    def entry(self, name, mode, content=b'', node=(0, 0)):
        self.inode += 1
        fields = [self.inode, mode, 0, 0, 1, 0, len(content), 0, 0, *node, len(name) + 1, 0]
        self.data += b'070701' + b''.join(b'%08x' % f for f in fields) + name.encode() + b'\0'
        self.data += b'\0' * (-len(self.data) % 4) + content
        self.data += b'\0' * (-len(self.data) % 4)

    def file(self, name, content):
        for parent in reversed(pathlib.PurePath(name).parents):
            if str(parent) != '.' and parent not in self.folders:
                self.folders.add(parent)
                self.entry(str(parent), 0o040755)
        self.entry(name, NEW_FILE, content)

    def copy(self, name, path):
        self.file(name, pathlib.Path(path).read_bytes())

    def finish(self):
        self.entry('TRAILER!!!', 0)
        return bytes(self.data)


def libraries(programs, loader=('ldd',)):
    """Paths of what these programs load; @loader is the command that lists them."""
    out = ''.join(subprocess.run([*map(str, loader), str(program)], text=True,
                                 capture_output=True, check=False).stdout for program in programs)
    return sorted(set(re.findall(r'(/\S+) \(0x', out)))


class Monitor:
    """QEMU's control socket. What an answer says matters only when it is an error."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(path)
        self.socket.sendall(b'{"execute":"qmp_capabilities"}\n')

    def qmp(self, text):
        self.socket.sendall(text.encode() + b'\n')

    def hmp(self, command):
        self.qmp(json.dumps({'execute': 'human-monitor-command',
                             'arguments': {'command-line': command}}))


class Tap:
    """Turns the guest's lines into one TAP stream."""

    def __init__(self):
        self.count, self.failed, self.program, self.bad, self.done = 0, 0, '', 0, False

    def result(self, good, name, note=''):
        self.count += 1
        self.failed += not good
        print(f'{"ok" if good else "not ok"} {self.count} - {name}{note}', flush=True)

    def skip(self, name, reason):
        print(f'# skip: {reason}')
        self.result(True, name, ' # SKIP')

    def line(self, line, monitor):
        word, _, rest = line.partition(' ')
        case = re.match(r'(not )?ok \d+(?: -)? ?(.*)', line)
        if word == '@begin':
            self.program, self.bad = rest, 0
        elif word == '@end':
            name, status = rest.rsplit(' ', 1)
            if status not in ('0', '77') and not self.bad:
                self.result(False, f'{name} exit status {status}')
            self.program = ''
        elif word in ('@ok', '@not'):
            self.result(word == '@ok', rest)
        elif word == '@skip':
            self.skip(*rest.split(' ', 1))
        elif word == '@done':
            self.done = True
        elif word == '@qmp':
            monitor().qmp(rest)
        elif word == '@hmp':
            monitor().hmp(rest)
        elif case and self.program:
            self.subtest(case)
        else:
            print(f'# {line}', flush=True)

    def subtest(self, case):
        skipped = re.match(r'# SKIP\s*(.*)', case.group(2), re.I)
        name = skipped.group(1) if skipped else case.group(2)
        good = bool(skipped) or not case.group(1)
        self.bad += not good
        self.result(good, f'{self.program}/{name}', ' # SKIP' if skipped else '')


def converse(guest, tap, folder, deadline):
    """Until the guest ends. False when it had to be stopped."""
    held, monitors, selector = b'', [], selectors.DefaultSelector()
    selector.register(guest.stdout, selectors.EVENT_READ)

    def monitor():
        if not monitors:
            monitors.append(Monitor(f'{folder}/qmp'))
        return monitors[0]

    while time.monotonic() < deadline:
        if not selector.select(timeout=1):
            continue
        data = os.read(guest.stdout.fileno(), 65536)
        if not data:
            return True
        *lines, held = (held + data).replace(b'\r', b'').split(b'\n')
        for line in lines:
            tap.line(line.decode(errors='replace'), monitor)
    return False
