# SPDX-License-Identifier: MIT
"""Reads a C header of this project: its declarations and the kernel-doc block before each.

It understands the house style (see .clang-format), not all of C: no nested function pointers that
return function pointers, no K&R. What it cannot read as a function, type or macro it leaves out.
"""
import re
from dataclasses import dataclass, field

ATTRIBUTE = re.compile(r'__attribute__\s*\(\((?:[^()]|\([^()]*\))*\)\)')
SECTIONS = ('Own', 'Spec', 'Context', 'Return', 'Note', 'Example')


@dataclass
class Doc:
    """A kernel-doc block. `names` are those in its first line: several share one block."""
    line: int
    names: list
    summary: str
    params: dict = field(default_factory=dict)
    sections: dict = field(default_factory=dict)
    text: str = ''


@dataclass
class Decl:
    """A declaration. `params` is a list of names for functions and macros, members for structs."""
    kind: str  # function, macro, struct, union, enum, typedef
    name: str
    line: int
    code: str
    params: list = field(default_factory=list)
    void: bool = False
    inline: bool = False
    doc: Doc = None


@dataclass
class Header:
    path: str
    about: str
    decls: list
    docs: list


def blank(match):
    """Replace a match by blanks, keeping its line breaks so that line numbers stay true."""
    return re.sub(r'[^\n]', ' ', match.group())


def parse_doc(body, line):
    lines = [re.sub(r'^\s*\* ?', '', l).rstrip() for l in body.split('\n')]
    while lines and not lines[0]:
        lines.pop(0)
        line += 1
    head = lines.pop(0) if lines else ''
    names, _, summary = head.partition(' - ')
    doc = Doc(line, re.findall(r'(\w+)(?:\(\))?(?:,|\s*$)', re.sub(r'\s+and\s+', ', ', names)),
              summary.strip())
    key, store = None, None
    while lines and lines[0].startswith((' ', '\t')):
        doc.summary += ' ' + lines.pop(0).strip()
    for text in lines:
        param = re.match(r'@(\w+|\.\.\.):\s*(.*)', text)
        section = re.match(r'(%s):\s*(.*)' % '|'.join(SECTIONS), text)
        if param or section:
            store = doc.params if param else doc.sections
            key = (param or section).group(1)
            store[key] = (param or section).group(2)
        elif not text and store is doc.params:
            store = None
        elif store is not None:
            store[key] = (store[key] + '\n' + text.strip()).strip('\n')
        else:
            doc.text += text + '\n'
    doc.text = doc.text.strip('\n')
    return doc


def close_paren(text, start):
    depth = 0
    for i in range(start, len(text)):
        depth += {'(': 1, ')': -1}.get(text[i], 0)
        if depth == 0:
            return i
    return -1


def split_top(text):
    """Split at commas outside of brackets."""
    out, depth, last = [], 0, 0
    for i, char in enumerate(text):
        depth += {'(': 1, '[': 1, '{': 1, ')': -1, ']': -1, '}': -1}.get(char, 0)
        if char == ',' and depth == 0:
            out.append(text[last:i])
            last = i + 1
    return [s.strip() for s in out + [text[last:]] if s.strip()]


def param_name(text):
    if text == '...':
        return text
    pointer = re.search(r'\(\s*\*+\s*(\w+)\s*\)', text)
    if pointer:
        return pointer.group(1)
    names = re.findall(r'\w+', re.sub(r'\[.*?\]', '', text))
    return names[-1] if names else ''


def parse_function(text, line, code):
    start = text.find('(')
    head = re.match(r'(.*?)(\w+)\s*$', text[:start], re.S)
    end = close_paren(text, start)
    if not head or not head.group(1).strip() or end < 0 or text[start + 1:end].strip()[:1] == '*':
        return None
    if '=' in head.group(1) or re.match(r'\s*(typedef|return)\b', text):
        return None
    params = [param_name(p) for p in split_top(text[start + 1:end]) if p != 'void']
    returns = head.group(1).split()
    return Decl('function', head.group(2), line, code, params,
                void=[w for w in returns if w not in ('static', 'inline', 'extern')] == ['void'],
                inline='inline' in returns)


def parse_decl(text, body, line, code):
    """`text` has no comments and no body; `body` is the text between its braces, or None."""
    text, body = ATTRIBUTE.sub('', text).strip(), ATTRIBUTE.sub('', body or '')
    kind = re.match(r'(?:typedef\s+)?(struct|union|enum)\s+(\w+)?\s*\{\}', text)
    if kind:
        name = kind.group(2) or (re.findall(r'\w+', text) or [''])[-1]
        if kind.group(1) == 'enum':
            members = [re.match(r'\w+', m).group() for m in split_top(body)
                       if re.match(r'\w', m)]
        else:
            members = re.findall(r'(\w+)\s*(?:\[[^\]]*\]\s*)*(?=[,;:)])', body)
        return Decl(kind.group(1), name, line, code, members)
    if re.match(r'typedef\b', text):
        return Decl('typedef', param_name(text), line, code)
    if '(' in text and not re.match(r'(_Static_assert|__static_assert|static_assert)\b', text):
        return parse_function(text.replace('{}', ''), line, code)
    return None


def parse_macro(text, line):
    match = re.match(r'#\s*define\s+(\w+)\(([^)]*)\)', text)
    if not match:
        return None
    return Decl('macro', match.group(1), line, '#define %s(%s)' % match.groups(),
                split_top(match.group(2).replace('\\\n', ' ')))


def scan(text):
    """Yield (start, end, head, body) for each declaration outside of all braces."""
    start, depth, open_at, head, body = 0, 0, 0, '', None
    for i, char in enumerate(text):
        if char == '{':
            if depth == 0:
                head, open_at = text[start:i], i
            depth += 1
        elif char == '}' and depth == 0:
            start = i + 1  # the end of extern "C" {
        elif char == '}':
            depth -= 1
            if depth == 0:
                body = text[open_at + 1:i]
                if not re.search(r'\b(struct|union|enum)\s*\w*\s*(__\w+\s*)?$', head) \
                        and '=' not in head:
                    yield start, i + 1, head + '{}', body  # a function with its body
                    start, head, body = i + 1, '', None
        elif char == ';' and depth == 0:
            tail = text[open_at:i] if body is not None else ''
            yield start, i + 1, head + '{}' + tail[len(body or '') + 2:] if tail \
                else text[start:i], body
            start, head, body = i + 1, '', None


def read_header(path):
    source = open(path, encoding='utf-8').read()
    docs = []

    def take_comment(match):
        if match.group().startswith('/**') and not match.group().startswith('/***'):
            docs.append((match.start(), match.end(), parse_doc(
                match.group()[3:-2], source.count('\n', 0, match.start()) + 1)))
        return blank(match)

    strings = r'"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\''
    text = re.sub(r'/\*.*?\*/|//[^\n]*|' + strings,
                  lambda m: m.group() if m.group()[0] in '"\'' else take_comment(m),
                  source, flags=re.S)
    about = re.search(r'\*/\s*/\*(?!\*)(.*?)\*/', source, re.S)
    found = []

    def take_macro(match):
        line = source.count('\n', 0, match.start()) + 1
        found.append((match.start(), parse_macro(match.group(), line)))
        return blank(match)

    text = re.sub(r'^[ \t]*#(?:\\\n|[^\n])*', take_macro, text, flags=re.M)
    text = re.sub(r'extern\s+"C"\s*\{', blank, text)
    for start, end, head, body in scan(text):
        first = start + len(text[start:end]) - len(text[start:end].lstrip())
        line = source.count('\n', 0, first) + 1
        code = source[first:end]
        if head.endswith('{}') and not re.search(r'\b(struct|union|enum)\s*\w*\s*\{', head):
            code = source[first:first + len(head.strip()) - 2].strip() + ';'
        found.append((first, parse_decl(head.strip(), body, line, code)))
    found = [(at, d) for at, d in sorted(found, key=lambda f: f[0]) if d]
    attach(found, docs)
    header = Header(path, clean_about(about), [d for _, d in found], [d for _, _, d in docs])
    return header


def clean_about(match):
    if not match:
        return ''
    return '\n'.join(re.sub(r'^\s*\* ?', '', l).rstrip()
                     for l in match.group(1).split('\n')).strip()


def attach(found, docs):
    """A block documents the declaration after it and every other one that it names."""
    for start, _, doc in docs:
        following = [d for at, d in found if at > start]
        if following and not doc.names:
            doc.names = [following[0].name]
        # A struct and a function may share a name: the block right before each is its own.
        if following and following[0].name in doc.names:
            following[0].doc = doc
    by_name = {}
    for _, _, doc in docs:
        for name in doc.names:
            by_name.setdefault(name, doc)
    for _, decl in found:
        decl.doc = decl.doc or by_name.get(decl.name)
