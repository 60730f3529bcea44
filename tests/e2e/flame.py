# SPDX-License-Identifier: BSD-2-Clause
# flame.py FILE.svg COMMAND NAME SHARE...: the flame graph is well-formed, each rectangle stands on its caller's and is as wide as it says, and of
# what the command used so much was in each function, which work() and main() called.
import re, sys, xml.etree.ElementTree as ET

S = "{http://www.w3.org/2000/svg}"
boxes = []
for g in ET.parse(sys.argv[1]).getroot().iter(S + "g"):
	title, rect = g.find(S + "title").text, g.find(S + "rect")
	m = re.fullmatch(r"(.*) \((\d+) samples, ([\d.]+)%\)", title)
	x, y, w, h = (float(rect.get(k)) for k in ("x", "y", "width", "height"))
	boxes.append((m[1], int(m[2]), x, y, w, h))
wrong = []
root = max(boxes, key=lambda b: b[3])
for b in boxes:
	if abs(b[4] - root[4] * b[1] / root[1]) > 0.1:
		wrong.append(f"{b[0]}: {b[4]} wide for {b[1]} of {root[1]}")

def below(b):
	for c in boxes:
		if abs(c[3] - b[3] - (b[5] + 1)) < 0.1 and c[2] - 0.1 <= b[2] and b[2] + b[4] <= c[2] + c[4] + 0.1:
			return c
	if b is not root:
		wrong.append(f"{b[0]} stands on nothing")
	return None

for b in boxes:
	below(b)
chains = {}
for b in boxes:
	chain, c = [], b
	while c:
		chain.append(c[0])
		c = below(c)
	chains[tuple(reversed(chain))] = b[1]
command = sys.argv[2]
all_of_it = sum(n for c, n in chains.items() if len(c) == 2 and c[1].startswith(command[:15]))
for name, share in zip(sys.argv[3::2], map(float, sys.argv[4::2])):
	got = sum(n for c, n in chains.items() if c[-1] == name and c[-3:-1] == ("main", "work"))
	print(f"{name}: {got} of {all_of_it} samples", file=sys.stderr)
	if all_of_it < 40 or abs(got / all_of_it - share) > 0.12:
		wrong.append(f"{name}: {got} of {all_of_it} samples")
print("\n".join(wrong))
sys.exit(bool(wrong))
