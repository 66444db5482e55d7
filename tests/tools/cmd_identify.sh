#!/bin/sh
# SPDX-License-Identifier: MIT
# identify, regs, log and features: what they print is what the controller was made to be.
# shellcheck source=tests/tools/lib.sh
. "$(dirname "$0")/lib.sh"

dev=emu:size=24M,lbads=12,ns=3,mdts=5,queues=7,mqes=1024,serial=SN42,model=Bell

check "identify shows the model" run_says "Bell" identify $dev
check "identify shows the largest transfer" run_says "largest transfer: 128 KiB" identify $dev
check "identify --json has the specification's names" json \
	'd["sn"] == "SN42" and d["mn"] == "Bell" and d["mdts"] == 5 and d["vid"] == 0x1b36' \
	identify $dev
check "identify --json names the bits" json \
	'"format" in d["oacs_flags"] and d["sgls"]["sgls"] == 1' identify $dev
check "identify --json has 128 bit numbers" json 'd["tnvmcap"] == 3 * (24 << 20)' identify $dev
check "identify --json has the power states" json 'len(d["psd"]) == d["npss"] + 1' identify $dev
odd=$(printf 'a\377"\355\240\342\202\254')
truncate -s 1M "$odd"
check "identify --json of a name that is not UTF-8" json \
	'd["device"] == "emu:file=a\ufffd\"\ufffd\ufffd\u20ac"' identify "emu:file=$odd"
check "identify --nsid" json \
	'd["nsid"] == 2 and d["nsze"] == 6144 and d["lbaf"][d["flbas"] & 15]["lbads"] == 12' \
	identify $dev --nsid 2
check "identify --nsid in text" run_says "nsze        6144" identify $dev --nsid 2
check "identify --list" json \
	'[n["nsid"] for n in d["namespaces"]] == [1, 2, 3] and
	 all(n["block_size"] == 4096 and n["nsze"] == 6144 for n in d["namespaces"])' \
	identify $dev --list
check "identify --list of none" json 'd["namespaces"] == []' identify emu:ns=0 --list
check "a namespace that is not there" run_complains 1 "no namespace 4" identify $dev --nsid 4
check "a namespace beyond all" run_complains 1 "INVALID_NS" identify $dev --nsid 100000

check "regs decodes CAP" json \
	'd["cap"]["mqes"] == 1023 and d["cap"]["offset"] == 0 and d["vs"]["mjr"] == 2' regs $dev
check "regs finds the controller disabled" json 'd["cc"]["en"] == 0 and d["csts"]["rdy"] == 0' \
	regs $dev
check "regs --init enables it" json \
	'd["cc"]["en"] == 1 and d["csts"]["rdy"] == 1 and d["cc"]["iosqes"] == 6 and
	 d["aqa"]["asqs"] > 0' regs $dev --init
check "regs leaves out what is not there" json '"cmbsz" not in d' regs $dev
check "regs shows what CAP says is there" json '"cmbsz" in d and d["cap"]["cmbs"] == 1' \
	regs emu:cmb=1M
check "regs in text" run_says "most entries of a queue: 1024" regs $dev

check "log smart" json 'd["lid"] == 2 and 250 < d["composite_temperature"] < 400 and
	d["critical_warning_flags"] == []' log $dev smart
check "log smart in text" run_says "temperature:" log $dev smart
check "log error, empty" json 'd["errors"] == []' log $dev error
check "log error, empty, in text" run_says "no errors" log $dev error
check "log firmware" json 'd["active_slot"] == 1 and d["slots"][0]["slot"] == 1' log $dev firmware
check "log changed-ns" json 'd["namespaces"] == [] and d["many"] is False' log $dev changed-ns
check "log effects" json \
	'{e["name"] for e in d["iocs"]} >= {"Read", "Write", "Flush"} and
	 ["changes blocks"] in [e["effects"] for e in d["iocs"] if e["name"] == "Write"]' \
	log $dev effects
check "log supported" json '{1, 2, 3, 5} <= set(d["pages"])' log $dev supported
check "log by number is a dump" json 'len(d["data"]) == 2 * 64' log $dev 0x02 --len 64
check "log by number from an offset" json 'd["data"] == "0a000000"' \
	log emu: 2 --len 4 --offset 4
check "log --raw is the bytes" run 0 log $dev smart --raw
check "... all of them" test "$("$belfry" log $dev smart --raw | wc -c)" -eq 512
check "a page that is not there" run_complains 1 "INVALID_LOG_PAGE" log $dev 0x99
check "a page that does not come" run_complains 1 \
	"Get Log Page 0x02 did not complete within 300 ms (--timeout)" \
	log emu:fault=act=drop:sq=0:op=2 smart --timeout 300ms

check "features shows all" json \
	'{f["name"] for f in d["features"]} >= {"arbitration", "vwc", "num-queues", "timestamp"}' \
	features $dev
check "features by name" json 'd["features"][0]["fid"] == 6 and
	d["features"][0]["fields"]["wce"] == 1' features $dev vwc
check "features by number" json 'd["features"][0]["name"] == "vwc"' features $dev 0x06
check "a feature that is not there" run_complains 1 "INVALID_FIELD" features $dev 0x99
check "features sets a number" json 'd["features"][0]["value"] == 0' features $dev vwc=0
check "features sets the time" json 'd["features"][0]["fields"]["origin"] == 1 and
	d["features"][0]["fields"]["timestamp"] >= 123456' features $dev timestamp=123456
check "features sets the host identifier" json \
	'd["features"][0]["fields"]["hostid"] == "00112233445566778899aabbccddeeff"' \
	features $dev host-id=00112233445566778899aabbccddeeff
check "features sets several" json '[f["name"] for f in d["features"]] == ["vwc", "arbitration"] and
	d["features"][1]["fields"]["ab"] == 3' features $dev vwc=0 arbitration=3
check "features of a selection" json 'd["features"][0]["value"] == 1' \
	features $dev vwc=0 --select default
check "features says what can be done" json 'd["features"][0]["capabilities"]["changeable"]' \
	features $dev vwc --select supported
check "a value that the controller refuses" run_complains 1 "INVALID_FIELD" \
	features $dev num-queues=0xffff
check "a feature of a namespace" json 'd["features"][0]["name"] == "error-recovery"' \
	features $dev error-recovery --nsid 3

done_testing
