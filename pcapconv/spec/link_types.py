"""Link types: their numbers and names in the registry at tcpdump.org, and the names that other programs use.

Strategy: one table, parsed when a name is first needed. A name means its number in files (LINKTYPE_), even if the
headers of some system have another number (DLT_) for the same name.
"""

from __future__ import annotations

from functools import cache

ETHERNET = 1
_MOST_SIMILAR = 3

# The number and the name in the registry; then other names: libpcap's (DLT_) and former names in capitals, and
# Wireshark's (`editcap -T`) if they differ in more than case. Number 32 is not registered; Wireshark writes it.
_REGISTRY = """
0   NULL
1   ETHERNET                     EN10MB ether
2   EXP_ETHERNET                 EN3MB xeth
3   AX25
4   PRONET
5   CHAOS
6   IEEE802_5                    IEEE802 TOKEN_RING tr
7   ARCNET_BSD                   ARCNET
8   SLIP
9   PPP
10  FDDI                         fddi-nettl fddi-swapped
32  -                            REDBACK_SMARTEDGE redback
50  PPP_HDLC                     PPP_SERIAL
51  PPP_ETHER                    pppoes
99  SYMANTEC_FIREWALL            symantec
100 ATM_RFC1483                  atm-rfc1483
101 RAW                          rawip
102 SLIP_BSDOS
103 PPP_BSDOS
104 C_HDLC                       CHDLC
105 IEEE802_11                   ieee-802-11 ieee-802-11-radio
106 ATM_CLIP                     linux-atm-clip
107 FRELAY                       frelay-with-direction
108 LOOP
109 ENC
110 LANE8023
111 HIPPI
112 HDLC
113 LINUX_SLL                    linux-sll
114 LTALK
115 ECONET
116 IPFILTER
117 PFLOG
118 CISCO_IOS                    ios
119 IEEE802_11_PRISM             PRISM_HEADER ieee-802-11-prism
120 IEEE802_11_AIRONET           AIRONET_HEADER
121 HHDLC
122 IP_OVER_FC                   ip-over-fc
123 SUNATM                       atm-pdus
124 RIO
125 PCI_EXP
126 AURORA
127 IEEE802_11_RADIOTAP          IEEE802_11_RADIO ieee-802-11-radiotap
128 TZSP
129 ARCNET_LINUX
130 JUNIPER_MLPPP                juniper-mlppp
131 JUNIPER_MLFR                 juniper-mlfr
132 JUNIPER_ES
133 JUNIPER_GGSN                 juniper-ggsn
134 JUNIPER_MFR
135 JUNIPER_ATM2                 juniper-atm2
136 JUNIPER_SERVICES             juniper-svcs
137 JUNIPER_ATM1                 juniper-atm1
138 APPLE_IP_OVER_IEEE1394       ap1394
139 MTP2_WITH_PHDR               mtp2-with-phdr
140 MTP2
141 MTP3
142 SCCP
143 DOCSIS
144 LINUX_IRDA                   irda
145 IBM_SP
146 IBM_SN
147 USER0
148 USER1
149 USER2
150 USER3
151 USER4
152 USER5
153 USER6
154 USER7
155 USER8
156 USER9
157 USER10
158 USER11
159 USER12
160 USER13
161 USER14
162 USER15
163 IEEE802_11_AVS               IEEE802_11_RADIO_AVS ieee-802-11-avs
164 JUNIPER_MONITOR
165 BACNET_MS_TP                 bacnet-ms-tp
166 PPP_PPPD                     PPP_WITH_DIRECTION LINUX_PPP_WITHDIRECTION
167 JUNIPER_PPPOE                juniper-pppoe
168 JUNIPER_PPPOE_ATM
169 GPRS_LLC                     gprs-llc
170 GPF_T                        gfp-t
171 GPF_F                        gfp-f
172 GCOM_T1E1                    gcom-tie1
173 GCOM_SERIAL                  gcom-serial
174 JUNIPER_PIC_PEER
175 ERF_ETH
176 ERF_POS
177 LINUX_LAPD                   linux-lapd
178 JUNIPER_ETHER                juniper-ether
179 JUNIPER_PPP                  juniper-ppp
180 JUNIPER_FRELAY               juniper-frelay
181 JUNIPER_CHDLC                juniper-chdlc
182 MFR
183 JUNIPER_VP                   juniper-vp
184 A429                         juniper-vn
185 A653_ICM
186 USB_FREEBSD                  USB usb-freebsd
187 BLUETOOTH_HCI_H4             bluetooth-h4
188 IEEE802_16_MAC_CPS           ieee-802-16-mac-cps
189 USB_LINUX                    usb-linux
190 CAN20B
191 IEEE802_15_4_LINUX
192 PPI
193 IEEE802_16_MAC_CPS_RADIO
194 JUNIPER_ISM
195 IEEE802_15_4_WITHFCS         IEEE802_15_4 wpan
196 SITA                         sita-wan
197 ERF
198 RAIF1
199 IPMB_KONTRON                 ipmb-kontron
200 JUNIPER_ST                   juniper-st
201 BLUETOOTH_HCI_H4_WITH_PHDR   bluetooth-h4-linux
202 AX25_KISS                    ax25-kiss
203 LAPD
204 PPP_WITH_DIR                 ppp-with-direction
205 C_HDLC_WITH_DIR
206 FRELAY_WITH_DIR
207 LAPB_WITH_DIR
209 I2C_LINUX                    IPMB_LINUX i2c-linux
210 FLEXRAY
211 MOST
212 LIN
213 X2E_SERIAL                   x2e-serial
214 X2E_XORAYA                   x2e-xoraya
215 IEEE802_15_4_NONASK_PHY      wpan-nonask-phy
216 LINUX_EVDEV
217 GSMTAP_UM
218 GSMTAP_ABIS
219 MPLS
220 USB_LINUX_MMAPPED            usb-linux-mmap
221 DECT
222 AOS
223 WIHART
224 FC_2                         fc2
225 FC_2_WITH_FRAME_DELIMS       fc2sof
226 IPNET
227 CAN_SOCKETCAN                socketcan
228 IPV4                         rawip4
229 IPV6                         rawip6
230 IEEE802_15_4_NOFCS           wpan-nofcs
231 DBUS
232 JUNIPER_VS
233 JUNIPER_SRX_E2E
234 JUNIPER_FIBRECHANNEL
235 DVB_CI                       dvbci
236 MUX27010
237 STANAG_5066_D_PDU            s5066-dpdu
238 JUNIPER_ATM_CEMIC
239 NFLOG
240 NETANALYZER
241 NETANALYZER_TRANSPARENT      netanalyzer-transparent
242 IPOIB                        ip-ib
243 MPEG_2_TS                    mp2ts
244 NG40
245 NFC_LLCP                     nfc-llcp
246 PFSYNC
247 INFINIBAND
248 SCTP
249 USBPCAP                      usb-usbpcap
250 RTAC_SERIAL                  rtac-serial
251 BLUETOOTH_LE_LL              bluetooth-le-ll
252 WIRESHARK_UPPER_PDU          wireshark-upper-pdu
253 NETLINK
254 BLUETOOTH_LINUX_MONITOR      bluetooth-linux-monitor
255 BLUETOOTH_BREDR_BB           bluetooth-bredr-bb-rf
256 BLUETOOTH_LE_LL_WITH_PHDR    bluetooth-le-ll-rf
257 PROFIBUS_DL
258 PKTAP
259 EPON
260 IPMI_HPM_2                   ipmi-trace
261 ZWAVE_R1_R2
262 ZWAVE_R3
263 WATTSTOPPER_DLM
264 ISO_14443                    iso14443
265 RDS
266 USB_DARWIN                   usb-darwin
267 OPENFLOW
268 SDLC
269 TI_LLN_SNIFFER
270 LORATAP
271 VSOCK
272 NORDIC_BLE
273 DOCSIS31_XRA31
274 ETHERNET_MPACKET             ether-mpacket
275 DISPLAYPORT_AUX              dpauxmon
276 LINUX_SLL2                   linux-sll2
277 SERCOS_MONITOR
278 OPENVIZSLA
279 EBHSCR
280 VPP_DISPATCH                 vpp
281 DSA_TAG_BRCM
282 DSA_TAG_BRCM_PREPEND
283 IEEE802_15_4_TAP             wpan-tap
284 DSA_TAG_DSA
285 DSA_TAG_EDSA
286 ELEE
287 Z_WAVE_SERIAL                zwave-serial
288 USB_2_0                      usb-20
289 ATSC_ALP
290 ETW
291 NETANALYZER_NG
292 ZBOSS_NCP                    zbncp
293 USB_2_0_LOW_SPEED            usb-20-low
294 USB_2_0_FULL_SPEED           usb-20-full
295 USB_2_0_HIGH_SPEED           usb-20-high
296 AUERSWALD_LOG
297 ZWAVE_TAP
298 SILABS_DEBUG_CHANNEL
299 FIRA_UCI
300 MDB
301 DECT_NR
302 EDK2_MM
303 DEBUG_ONLY
304 DECT_NR_TAP
"""


@cache
def names() -> dict[int, str]:
    """The registry's names: number → name."""
    return {number: name for number, name, _ in _entries() if name != "-"}


@cache
def numbers() -> dict[str, int]:
    """All names, also the names in other programs: name → number."""
    return {each: number for number, name, other_names in _entries() for each in (name, *other_names) if each != "-"}


def link_type_number(name: str) -> int | None:
    """The number of the link type with this name, in any case, with or without `LINKTYPE_` or `DLT_` in front; None for
    an unknown name."""
    return _numbers_by_lower_name().get(_without_prefix(name))


def similar_names(name: str) -> list[str]:
    """The names that look most like this one, at most three, and one of each link type: first those with a word that
    begins with it."""
    from difflib import get_close_matches

    by_lower_name = {each.lower(): each for each in numbers()}
    given = _without_prefix(name)
    by_word = [each for each in by_lower_name if given and f"_{given}" in f"_{each.replace('-', '_')}"]
    similar = dict.fromkeys([*by_word, *get_close_matches(given, by_lower_name)])
    by_number: dict[int, str] = {}
    for each in similar:
        by_number.setdefault(numbers()[by_lower_name[each]], by_lower_name[each])
    return list(by_number.values())[:_MOST_SIMILAR]


def link_type_name(link_type: int) -> str:
    """A link type for people: `ETHERNET (1)`, or `link type 12345` for a number without a name."""
    name = names().get(link_type)
    return f"{name} ({link_type})" if name else f"link type {link_type}"


@cache
def _entries() -> list[tuple[int, str, list[str]]]:
    """Number, name in the registry, and other names, for each line of the table."""
    lines = (line.split() for line in _REGISTRY.strip().splitlines())
    return [(int(number), name, other_names) for number, name, *other_names in lines]


@cache
def _numbers_by_lower_name() -> dict[str, int]:
    return {name.lower(): number for name, number in numbers().items()}


def _without_prefix(name: str) -> str:
    name = name.lower() if name.isascii() else name
    return name.removeprefix("linktype_").removeprefix("dlt_")
