package imaging

import (
	"bytes"
	"encoding/binary"
	"image"
	"slices"
	"testing"
)

// The codestreams below are what OpenJPEG 2.5 made of shapes(26, 20) and of the planes that the tests describe.

const j2kLossless = "" +
	"/0//UQAvAAAAAAAaAAAAFAAAAAAAAAAAAAAAGgAAABQAAAAAAAAAAAADBwEBBwEBBwEB/1IADAAAAAEBAwQEAAH/XAANQEBISFBISFBISFD/kAAKAAAAAAPY" +
	"AAH/k8fUFg8/9uNkF9nlHxZy34B4Bm2Qx7Ir5BGp0VChmvZv34CICO2bx7iQFhw8JI5sSpNODn/D6gqH1A8H1AwLfFxXAGIg9hk/DDA3Pcl+WA4s5IfxQ8/A" +
	"Ln4BcfgEgBXHN9FI5Q9shkNEC/lKmCW2BTa3xBcLrkYpOTaOj3/PwDY+0Jn5hIAMMa4ClK23e0U4jv9/DdSPe7wzMtPlDZegud+5fvifw+oXg+c1A+cwGccc" +
	"ZEvTuzsP1G0e+x+LuqN+ZdN2hwMbLKsvUQuOFbwugTbsxOu8S1oMp5EqJNXkWRmQa3frc4FBsKS8i+6z8Q+cUqxoUeJtf8/Ahn4EcPtHwBioYYqLx0+Va8BH" +
	"Ypmo9CAFEMrfq/LTZyRVIXaewklT60dO+Cl+Y2nX0amsoobwiWVqTKiIVi/sIsRSYG1+xfrhsEB5Fe4/EvA225TTUzXR/fC3LUUkKl8gZwl78RmKXGLtf8/A" +
	"an4EUPtHABhtSb3FX+JqDJZmXOgUZCebsxoH5p8Zff0VIXohn+Q0/ZUUBlRHHDs8oXPgY39MHtWbCRXIYIjsVKynvxXZl6bhFtzo5qsFEoSLZIT5147vDEr9" +
	"le98ZofB87mH1G0D51AkDVXmcPp7kphuDcuGZnXYcENuVB3CNqT3aWMSb8wYprVva9puxSp8HemsgGn3JyT5Y0V68Az9z/stOQUnVy0n6fj2/XPkQg9ODuf1" +
	"baM2JZYW83HLtPL3gls8E0rs7ZNwRGfsz/y+/nL1XACsy18kOO0e4KsgKNXLa271Lcv7AWcd07+6S6iRZVE00/CPNELh0Llw5mZPx9qXPwRIfaYAJMESng33" +
	"kvnlrEyB+XQGk4/6v9vJLcw75N7LpqALmFkObTbNTIbVSfnp4CGYJd7E+Ni+PjY2DMpeCcoIVQuf8Sh0hpg3NQ9vlaQXPUWJ1snnuZiE9lGkrbZ64Zik3UG8" +
	"bnduBr74iMpUWNAhlT3YfNN2IDylg49RScAjCQlf723WYFsYg5MebO3tIS6iz78kgv0LIKkm2QplrqDYL0BC0rcB8jgyPVuD0+e60ikTrfXhApMAVFRsqcXk" +
	"jHYkah/PwO5+BvH4EgAkySzKQwPynGeTdZnGU9polKbmsbRdMOwZvwZxTNhv5Kx719n/djvIUekkJXpRosrphBPztRAkr4j57y3rQdKhJteGi+7DQXbLFhRp" +
	"VCwvlh2bghdKci1/1HdsHd/b+9o0QVJUmIkCwzmmgGzpzhVc3H8kg3xKEkrXTO20zefJVy71PmGY4MZbSW/XYXhbLL5q697522f/2Q=="

const j2kTiled = "" +
	"/0//UQAvAAAAAAAfAAAAFwAAAAUAAAADAAAAEAAAABAAAAACAAAAAQADBwEBBwEBBwEB/1IADwcDAAIBAgEBAAEiM0T/XAAKQEBISFBISFD/kAAKAAAAAAAp" +
	"ACT/k/+RAAQAAMfUDv+SDzGNBJUUf/+RAAQAAYD/kv+QAAoAAAAAADoBJP+T/5EABAACwfOHgfIFgfOG/5ITYxvQrW1cBZ8aIj8U7Bzb/tz/kQAEAAOA/5L/" +
	"kAAKAAAAAABaAiT/k/+RAAQABMPqE4fUJwPnGP+SVa/XVMLSFboKPFXoxjH5gc22Gyja00S2Kmo6dD1u+BkDcgezY4kppheTSJ/3CQ4mOD//kQAEAAWA/5L/" +
	"kAAKAAAAAAApAyT/k/+RAAQABt+AOP+SBsSpEaa3U/+RAAQAB4D/kv+QAAoAAAAAAD8EJP+T/5EABAAIx9oRH2g8PtCA/5IUwDlRfTcRQQ4m40Ml5ZEUxPDy" +
	"Kq3kn/+RAAQACYD/kv+QAAoAAAAAAGAFJP+T/5EABAAKx9ojH2jMPtDg/5IpLH9b6TaE415zMcRq6laVVyOcKCOaQHfe2Z/kV/JwwoNHERszpKaKRTspXQGd" +
	"rAyvHmGrhxWSIf+RAAQAC4D/kv+QAAoAAAAAACoGJP+T/5EABAAM34BA/5II43ZbQ5cOz/+RAAQADYD/kv+QAAoAAAAAAEIHJP+T/5EABAAOz8AuH1A0PtCQ" +
	"/5IUyUrgdzbQx9lKfxP6BXXrPxZFObUDki6BL/+RAAQAD4D/kv+QAAoAAAAAAF4IJP+T/5EABAAQz8BSfgKR+AcA/5IpK0OXsPcewYQqBiZPOXM6Fgj/Lygt" +
	"e68QP6tEuKcrDX+XyJig8r6zKVzFHX8kBFKudSLpmN//kQAEABGA/5L/kAAKAAAAAAAlCST/k/+RAAQAEsfUBv+SAJWR/5EABAATgP+S/5AACgAAAAAAJgok" +
	"/5P/kQAEABTD6gT/kgT2zb//kQAEABWA/5L/kAAKAAAAAAA4CyT/k/+RAAQAFsHzhoHyBYHzhf+SERW40QF/B1ye038GyuyIf/+RAAQAF4D/kv+QAAoAAAAA" +
	"ACcMJP+T/5EABAAYz7QU/5IJfbNxf/+RAAQAGYD/kv+QAAoAAAAAACYNJP+T/5EABAAax9oI/5IHN5Lv/5EABAAbgP+S/5AACgAAAAAAOQ4k/5P/kQAEABzH" +
	"2g8faDQ+0ED/khEVufxgW38Kq+p2/38Gyu6//5EABAAdgP+S/5AACgAAAAAAJw8k/5P/kQAEAB7fgCj/kgminaM//5EABAAfgP+S/5AACgAAAAAAJhAk/5P/" +
	"kQAEACDPwBD/kgc1Oi//kQAEACGA/5L/kAAKAAAAAAAuEST/k/+RAAQAIsA6FH2gkAIQ/5ITlgomaz8H/5EABAAjgP+S/5AACgAAAAAAJBIk/5P/kQAEACTD" +
	"5wT/kgak/5EABAAlgP+S/5AACgAAAAAAJxMk/5P/kQAEACbA+QIA/5IN+/9//5EABAAngP+S/5AACgAAAAAAJxQk/5P/kQAEACjA+QIA/5IOi1XD/5EABAAp" +
	"gP+S/5AACgAAAAAAJRUk/5P/kQAEACrfgBj/kgWow/+RAAQAK4D/kv+QAAoAAAAAACYWJP+T/5EABAAsx9oI/5IMD1I//5EABAAtgP+S/5AACgAAAAAAJhck" +
	"/5P/kQAEAC7D6gT/khGBPn//kQAEAC+A/5L/kAAKAAAAAAAlGCT/k/+RAAQAMN+AGP+SByWD/5EABAAxgP+S/5AACgAAAAAAJhkk/5P/kQAEADLH2gj/kgui" +
	"h3X/kQAEADOA/5L/kAAKAAAAAAAnGiT/k/+RAAQANMfaCv+SEV4Ku9//kQAEADWA/5L/kAAKAAAAAAAjGyT/k/+RAAQANsPnAv+SCf+RAAQAN4D/kv+QAAoA" +
	"AAAAACAcJP+T/5EABAA4gP+S/5EABAA5gP+S/5AACgAAAAAAJB0k/5P/kQAEADrB84L/kgW//5EABAA7gP+S/5AACgAAAAAAIx4k/5P/kQAEADzPtAT/kgD/" +
	"kQAEAD2A/5L/kAAKAAAAAAAgHyT/k/+RAAQAPoD/kv+RAAQAP4D/kv+QAAoAAAAAACQgJP+T/5EABABAx9oE/5IFz/+RAAQAQYD/kv+QAAoAAAAAACQhJP+T" +
	"/5EABABC34AQ/5IDMf+RAAQAQ4D/kv+QAAoAAAAAACAiJP+T/5EABABEgP+S/5EABABFgP+S/5AACgAAAAAAICMk/5P/kQAEAEaA/5L/kQAEAEeA/5L/kAAK" +
	"AAEAAAAsABL/k/+RAAQAAMfUFP+SDzB5F0PPKy+EZ/+RAAQAAYD/kv+QAAoAAQAAAEMBEv+T/5EABAACw+oKgfIHgfOK/5IdQUZtkFvaPMybArdGT44ndxz6" +
	"hdgsmAp4ki//kQAEAAOA/5L/kAAKAAEAAABrAhL/k/+RAAQABMPqFofUNwPnJP+SH8NB7ZvPFSmaRWW03kp9m3kot3FzHwdnkUd/oZsSkRtc5CbbFOj23gjo" +
	"rLho59bTvxlE84F+231/q6l8pDdpTHAkC/+RAAQABYD/kv+QAAoAAQAAAC4DEv+T/5EABAAG34Bg/5IGiTHVZXzEasX/Ka//kQAEAAeA/5L/kAAKAAEAAABP" +
	"BBL/k/+RAAQACM/AOn4BcPtDgP+SHT95T3+T3BcRTf+AFj8G32nccq4k0DmvrxABUb52wwy+DIdYRwYf/5EABAAJgP+S/5AACgABAAAAcAUS/5P/kQAEAArH" +
	"2i0faQQ+0SD/khtYZWaa/bfiatwaQmOPfMroU+rR+n8dsUsvBQHMoSZTFV79Z6ZTz6XXAOHYZzDvKI5XuqxfdRiMeIrOywZ3xXsWpjwTXBr9x/+RAAQAC4D/" +
	"kv+QAAoAAQAAAC0GEv+T/5EABAAM34BY/5IJrVMiPZZ88wL2W/+RAAQADYD/kv+QAAoAAQAAAEgHEv+T/5EABAAOz8A2fgEw+0KA/5IbDVZ5S/ZAgbDtuynf" +
	"Bva9sCooVwRyD+hYZCdYPD8xVf+RAAQAD4D/kv+QAAoAAQAAAGMIEv+T/5EABAAQz8BGfgNR+AgA/5Ie/Szl887TDpcCwXVpFl0cZwnkH1LeoXDDPhnPEEPM" +
	"hnMSSgMFzA5Eovc/GJjvVWDiOAEZLeuQvv38n/+RAAQAEYD/kv+QAAoAAQAAACUJEv+T/5EABAASx9QG/5IG9DL/kQAEABOA/5L/kAAKAAEAAAAmChL/k/+R" +
	"AAQAFMPqBP+SEGDsrf+RAAQAFYD/kv+QAAoAAQAAACcLEv+T/5EABAAWwPkCAP+SFKUcX/+RAAQAF4D/kv+QAAoAAQAAACYMEv+T/5EABAAYz7QQ/5ILJkcH" +
	"/5EABAAZgP+S/5AACgABAAAAJw0S/5P/kQAEABrPwBT/khB1By8//5EABAAbgP+S/5AACgABAAAAJw4S/5P/kQAEABzH2gr/kg2G5nsZ/5EABAAdgP+S/5AA" +
	"CgABAAAAJg8S/5P/kQAEAB7fgCD/kgRzQ1H/kQAEAB+A/5L/kAAKAAEAAAAnEBL/k/+RAAQAIMfaCv+SCkvIKjf/kQAEACGA/5L/kAAKAAEAAAAmERL/k/+R" +
	"AAQAIsfaCP+SDY9QD/+RAAQAI4D/kv+QAAoAAgAAACUAEv+T/5EABAAAw+cG/5IMKV//kQAEAAGA/5L/kAAKAAIAAAAyARL/k/+RAAQAAsD5AcD5AcB8gMD/" +
	"kgtdvw1pjRJp2v+RAAQAA4D/kv+QAAoAAgAAAD8CEv+T/5EABAAEwPkEQfOIgfOH/5IfFsy6kiaXIwdEj5n4ORTHHAnCTNxhQP+RAAQABYD/kv+QAAoAAgAA" +
	"ACUDEv+T/5EABAAGz7QM/5IMQDn/kQAEAAeA/5L/kAAKAAIAAAA1BBL/k/+RAAQACMPqA4fUCwfUCv+SC2Y1B5m88J8Rt5fgu/+RAAQACYD/kv+QAAoAAgAA" +
	"AEYFEv+T/5EABAAKw+oJn4BcPtCg/5IfFun26U+zPQscKW7qh1Jy7M2nIhwjVdHr97KOUX//kQAEAAuA/5L/kAAKAAIAAAAlBhL/k/+RAAQADM+0DP+SCEib" +
	"/5EABAANgP+S/5AACgACAAAANQcS/5P/kQAEAA7AfCHB84SH2gz/kgV6Fw97dU8RtfgZkaf/kQAEAA+A/5L/kAAKAAIAAABACBL/k/+RAAQAEMPqCJ+AVH4A" +
	"wP+SI5WVHIs8Y28lvuLJb/H1dObPIucRZGju/5EABAARgP+S/5AACgACAAAAJAkS/5P/kQAEABLD5wT/kgh//5EABAATgP+S/5AACgACAAAAJAoS/5P/kQAE" +
	"ABTB84L/kgY//5EABAAVgP+S/5AACgACAAAAMQsS/5P/kQAEABbB84OB8gOD6gP/kgrXjQAFnweHz/+RAAQAF4D/kv+QAAoAAgAAACMMEv+T/5EABAAYx9QC" +
	"/5IH/5EABAAZgP+S/5AACgACAAAAJQ0S/5P/kQAEABrPwAz/kgR3I/+RAAQAG4D/kv+QAAoAAgAAADMOEv+T/5EABAAcx9oJD6gSPwAw/5IK5Ka/AYCsfweD" +
	"f/+RAAQAHYD/kv+QAAoAAgAAACQPEv+T/5EABAAew+cE/5IHL/+RAAQAH4D/kv+QAAoAAgAAACUQEv+T/5EABAAg35gY/5IEtN3/kQAEACGA/5L/kAAKAAIA" +
	"AAAtERL/k/+RAAQAIsA6FH2gcAIQ/5IKnwtrMQv/kQAEACOA/5L/kAAKAAMAAAAlAAn/k/+RAAQAAMHyA/+SDAk//5EABAABgP+S/5AACgADAAAAOQEJ/5P/" +
	"kQAEAALB84SH1A0D5w7/kg80ja4H/wVAhp8Ofg/k6A3P/5EABAADgP+S/5AACgADAAAARQIJ/5P/kQAEAATA+QTB84yB84j/khivL5VNhobUKwdtkbLXABGo" +
	"LfBjfxHV+McOB7hf/5EABAAFgP+S/5AACgADAAAAJwMJ/5P/kQAEAAbPtBT/kgvw8gm//5EABAAHgP+S/5AACgADAAAAPAQJ/5P/kQAEAAjH2gsfaDwfUED/" +
	"kg+Kw6PvBTmkw+zJHw1uP3mp3z9f/5EABAAJgP+S/5AACgADAAAASgUJ/5P/kQAEAArD6gmfgIR+ASD/khaPc4qIdPqi5xwrgHTykOAVmiKaKgrsZt8WOI61" +
	"f3KGvzP/kQAEAAuA/5L/kAAKAAMAAAAmBgn/k/+RAAQADM+0EP+SDB1Mn/+RAAQADYD/kv+QAAoAAwAAADoHCf+T/5EABAAOwHwiT8AaH2hA/5IL8EY/BUTI" +
	"bApTDZb68Wp4OZ//kQAEAA+A/5L/kAAKAAMAAABGCAn/k/+RAAQAEMPqCI+0Oj8AgP+SFujMLqu8w78LaD+d0BRU7zzRVF01fxYOPLNqBREm/5EABAARgP+S" +
	"/9k="

const j2kTerminated = "" +
	"/0//UQAvAAAAAAAaAAAAFAAAAAAAAAAAAAAAGgAAABQAAAAAAAAAAAADBwEBBwEBBwEB/1IADAAEAAMBAgICPQH/XAAKQEBISFBISFD/kAAKAAAAAAYEAAH/" +
	"k8efIoAc/Z4F3A5KViFHurduMzz31Dr8JlQmAAVZ+FfvKLazV7ZKvvFS1Lj0RSC2XTdFTqq2wkglABnHHp0bLKsvRfxGTSm+qVIHFhB+ktA0iJx5djeyMTlx" +
	"pGzMqBlDHYJwreDNcHJm0cSfGZBreAuItaGyIPwioRD8RlQqH5BiLZMItq7VZ2E2KraMXE91thXhabaGL2cciRK2eCr+HgRFtsLG5HjzCDVZOjXBCMSxqrQM" +
	"ozbVtoDB2mCeHwxkJqMwM/AkDVXmcPp7kqgBvNy4Yo303z4xbkXwJda7kS04I6/SAJM7q+M5qvGgDQ4d3euT8b3IHiQ47R7gq5YgU6uW1t2Q/GOBWBiB+M7D" +
	"TlEj8sMKgkg2ghZxraTipFeHEb8A+D6G8RrPsS5WHnTWP8LtAAAVAAAFQAHHa5mW3HOr3sYLpH2qQdvV+aMLU8suqAAgIAAAAAC/tttz94828JmqO/oAQAAA" +
	"MAAACn5oE8SyuYAgFWVY1gHjIf7SnHH/ZqUoDpDEUGzu/258Icdu9kACAANEAAAAZgAAsn6/6tDfG+JkJgASVJG8qdvDJFfvXSmyctw2TYaHABdVrrY1gTGK" +
	"4fhMJLbF9hy/Srb1/EpFIpC3vnJIqraYXdCM6rbSlHzpqrbPgRlUzxE6gBioYcymRsM0DnmKvnXPsVRHgIAADhZ1PFj7+vZKarbwW/hJRFOHwJiUgL6O+yl/" +
	"eVI2BQa7T2hvApOqtjoEgHOpFe49vWYmBttylzS/pffh3PzimVCYRD8gqEwmH5xTKZTJhLYX4oaEirafqgiG16q2lcEUPJq2Y9g7mba29mprJWBltgpKB9BO" +
	"tjVABBTWtlfE7Gqz6Ut0IVa4NbY1KhFw8bai/bvzirbHaqFp8Jo+nCTBEp4N95L55awR6vy6A0nFf+q3eIt43kTO0D1GSQvhADk4RU2AX2/OyUxXubYNI7jh" +
	"k1XiPnsPVQSopalO6yNoGJHYiZvfm+ELZbabTKU5vHgkgv0LIKkm2QpqQvUGwXoCFgdIudeKfzln/0shrPzhVxiBeBeB+eGXGnN5F5H6BiSDSDSDSCD2JI9Z" +
	"bBICcvAQy9Lp6wAAAAAGAAYFx6XuFsi0l6XFAAAAAAAAACx+GS/WvqIgvQAAAAAAAADE4e4UzlJLKYVfAGBgAAQAAAAV9OBfmWzMFVYAAAAAAAAdXJJKxNIH" +
	"goYKAgnwYAAAAAAAAAALDegUOsBgggVBAAAAAAAAAMQIR4IMGgCqBT7Oegzw/dn3fyBQ9AAAAAAAAAAAAAHE3dn14QAAAAAAAAAAAAFkYyMFvQAAAAAAAAAA" +
	"AAHL3V31t98DxE0RUAnaJIo6gV9lLX6Etm3HN+Pq3fwCaTS23Py87m8Rtiry/wwcyvyCaRSKQLbV9S2Ni5W2+NPrRsq2Du8Nwqq2ziIzyEqQlBhtScKuQEwh" +
	"eiGnUayRDJL9St0V2Zem4PxCyWS/gFJGdRFg7ZgglFg7g7/uH0IOsGK5Jppr0VGSuAKRJSW30fTpuhpiKTJD/KRbJZLPykUyoVD9BFMplMlkwIpLDXsqFKzV" +
	"tgJvoGa2AWj5VbaZBLYAiSI5MLYMNXfMXKq2C6VuFNjKtl3utoaBUPrVtgtMeqfVtgEqDUlNtgRhsDy2zrM2daFxx4QkySzKQwbk8wtfY20XSzgt60HSoRnQ" +
	"K8R0WI/7dSSDfEoSR/mQb521WPkRz8qOfDqAQt+x6q3Z7xPLVjx2wjQghKTP9YMLW3HVd7V7r01p0H1qzne46jiTIuveNvzwwguouqww/PDKDKG7C7D9UJIL" +
	"mLmLmMGI1QAAABgwAZoKcIV9SqEAAAAAAAAqBLH6nVW9AAAAAAAAKo/ANlzVH0iCwIoAAAAAAAAUAsoL3O/AtXP5AAAAANgIBjAqIoAS6nQAAAAAAAFVJJJy" +
	"GBf9JIv5AAAAAAAAAqlgHRBAAlUAAAAAAAACiQKjQBUCT8//cjGSIry4AAAAAAAAAL8dJaEAAAAAAAAAubJVwgAAAAAAAABIEcW1ACAAAAAAIBUXjEWD/9k="

const j2kLossy = "" +
	"/0//UQAvAAAAAAAaAAAAFAAAAAAAAAAAAAAAGgAAABQAAAAAAAAAAAADBwEBBwEBBwEB/1IADAAAAAEBAwQEAAD/XAAXQmc4Z1BnUGdoUAVQBVBHV9NX01di" +
	"/5AACgAAAAADwwAB/5PD8g8cUSu7zE9rWJ7HT72XaRfD8hAGbqedhd3uQF4wet40WG4/x+okCO9N+0eFjlnJw/aIMGZJ2zs4wPsCoD6REB9IcAuLKskaU5LO" +
	"VqYMHyKt44hCTw4vnoXtsjfB94ZB94VB94OAFccutc5hgVd4Z8RfDCM0isX8irmbLxOXylO80SLB9gZA+wJg+8IADDGUp5aqhagHUYlYD2kZpKEn+NlvDZfG" +
	"HveqIfvB9JmD6DUD5SYZGUvD4gOgiwjX/jP/Cw2MuyPQj1uSP+fPIiTgveEfTZgJQUC3byf2cPwBry2avef43jcbGwOEHapmE3i0o/u+8teJQyM3wfMYg+k/" +
	"A+UqGIh07YyjMbJ+pyrPA7ki8MzPMWHyf7WuD0WdcYbENvOx/sv6TCtRtftinG4N81OuCZAN4xEfbxXuPyXDRDVbpt/XijbOmpW6M2+dzcPrGY+4cg+guBht" +
	"ScSX5ByHjAXFmxGENB8dnrcCpmmZvPVG+nwPUaGgAW5HVEozrAjn1maN3aNWmT0hKt3gFdmZ0NZSRcAYohd9M6cpLiekAItDCB7A+NlB9DeB8iIkDVXmcPp7" +
	"kqFPUS+5f7vXf6NEsuIBA8GAq+WQ/a0CWBv7ub+rnKV5Om+fme7XC/k66i0qs8YMYYYj6FmSi/IrRpzm/wcmiQmgUNUWMcnZ6mxkvZeSoIvrX86CUeo+jhQv" +
	"WRAxyJviLuZC7rkhfJxSH8q84jjjrlnNCytcZBw3mBsq0DK9PBrLmzc9wfRSoPookD41AK/UXEe5iEOv2rOZjXltUEvxTTAbBI+8u69lolBuhSd4hwEEdoeJ" +
	"qI2wTRbQ+ZvqgSGo3DSKMvwmE2wO31bT4PV0Hwjx2irdzmf6PUJ30JbHH63zGZvJjdE21YtqFxAOaJlPJDev6WN36UO6rWW5EJkJjv2EYBi5cJVh6JBQvRt5" +
	"M7jqTQ0kFkrbtsoaNrQtJfzPBvHklT/bxw2gcQBmWOFAmkItxBjlDqPN3bxbTH9K3W4slWB+w+tFh9aDB864JN3RTFU4HJ2EuK3aVFhht+Djhs+FOLD4B4JG" +
	"hnseIR6SZseaZkw91fOiB07sKKJFotOSmnIAxzC863VfmRZ0o6IBiyr7LetB3TrA2+/SuZazRDFitrZbiXzuaLjEnlvIQVQqOmBLTPWRS0d6L8wJguRUN8Mq" +
	"ilkxei/OWu6+O5ZWXUseV5EjKmsguIsWEEVkF4hwiBb01TZ0S820SLQZK+PlVItG7W2nHgZZiNPydmX1KZ3p/9k="

const j2kReordered = "" +
	"/0//UQAvAAAAAAAaAAAAFAAAAAAAAAAAAAAAEAAAABQAAAAAAAAAAAADBwEBBwEBBwEB/1IADAAAAAIBAgEBAAH/XAAKQEBISFBISFD/kAAKAAAAAAKXAAH/" +
	"k8fAWBz9nmfKkEZWD6283yjwElSRwQMz9dakOEVL66R43xjgEVAJ1+W2b1s7F0liex7DhIMYGeU1sBssJIcems+AeOkwkBiyiVuQYWkeKh7yWBAfOZUV7kTt" +
	"z4BJ8A8MYBhv/UIhgQSLgstrFdmcdZmvgOPTGPTQJMETTRCzOmBnz/s1KAnRsA6C8aim2aDoGuej0WeGuDx4gCTSrPVgIpMeuy3rQOAQPyN5ISSDp3zsV/zk" +
	"/IIAhi6O2yvydwf8ooC0Yuuee5PEeNg7/OJAuvCfMWXp6kBh/OL+UVA+ceBfKpVBi8TFqun8L09WFEBevntzWfYZkH+IIhhoTyBFRQARoRX9Qd9Iz7BAXmfB" +
	"6OgshG46jbWZh4/+iFTISfvi88T+VzcJHHEZpH9+VDs0T/wZlXEf/UF/UG/WGk4kMRqLEacjNz6HnG/gSBMpBS0MdvnHHRnIPPPls5fPLmqfGu/g/OX/HEYf" +
	"qHb5w+B+crPhCCQZM51due8YK5W/F9pWEc6RdZirgpjhH0/0vWyeP7MtN38krf0n0MdjljG86qula34Zz/8LGnXNhghRNCKW1a7XfXckOT/zH3auyKxXF2lU" +
	"AfR53RRu5X8eqf0lL6gn6TH7QrD9ozPnBlhCnmEtElOYoUYPiICZc9W999y/ETUbVu1xwL7yoWQn3qJCvrzzvssYElOgzebhUIibD67fI6gUQg/wBpGsvySC" +
	"/tM+SpovLqOvpPa1SPqzLEevewzG6w8fhGf9gn9gR9on9QP9oZPqBV71yjn5hnVlvOcN5jJm5SAdbj8tnJAfm0nSvzTP/AB2jI+rFdFYORhGDShnQr9FB8lS" +
	"Ow/H06lYYNpHYEkGpHBfH4ReH1//kAAKAAEAAAHcAAH/k8+AgAER1idLzui53xCQEXnA418Nka+y/lFACf9ljFPT4lmIo8IgB1jPhGnhQAQCuzHTdg9rtr2B" +
	"z4BJ4UAJ/oDgDtB+lDKAs4gACfidrOcRnEAaodt0Cfidt/zhwD+7A4R7ijz9AkALh2xIwZJgV+H9AkCEWlXHNZnzvJ/9IiD5xkD5xAC96T4c2KETHwwfid2V" +
	"njbBgw7rPxXlFyUYERdP/SH+sLg+oKDVidw1NajbkzhpVDaJ54+mPc8LAnYi9yJFnvA//UDfWFQfUEjYgwdjJM9AcVmqj9PSE2T5HJMMlD1WJE+f4Pzlb5A2" +
	"D85KOh4H5yIZ6F0U9s70nXnaQFgtjFjAwUwc1n8CTANkAn8HSsZ15lI3JoTXuysOOjl3U7YMGX8Z3covnmT1jNuyq3Phi9dfD+P2jf7Qj7hSD4Q8P2iYAv3Y" +
	"vg5gsp0T7HWqoXaU8CZnUg7X3t6ilf9/BQko53mr5r+UcrY1j2o2tfnaKaPZKnQyqBp+QwtBPwmquXmxAg+qoW3D7bLFffsL7r/9wdHzhfuDYPhDx/ANAFEE" +
	"s603Sk/B0jI+8JxyBSPNV8/7COxO9kEHQ2n1o8sXC0E/CavabxswCoO2XEMW4//Z"

const j2kSixteen = "" +
	"/0//UQApAAAAAAAYAAAAFAAAAAAAAAAAAAAAGAAAABQAAAAAAAAAAAABDwEB/1IADAAAAAEAAgQEAAH/XAAKQICIiJCIiJD/kAAKAAAAAACGAAH/k9/4kbgS" +
	"HPys4FU4lt+bN2hIuB+m68snH/0E4/0Hs4VYpBbpS+0LKEe0h+eX9CxN4dP/VxV9B/Fy7h/fwH8hMD/AWCxf/ySc2Es3vzB0cDIiMQcx9BV/wD9g2A/kOEsl" +
	"579EsQHoKFjh8H+G6l4bfugAARiTCZ2A7//Z"

const j2kSubsampled = "" +
	"/0//UQAvAAAAAAAQAAAADAAAAAAAAAAAAAAAEAAAAAwAAAAAAAAAAAADBwEBBwICBwIC/1IADAAAAAEAAQQEAAH/XAAHQEBISFD/kAAKAAAAAAB5AAH/k8+0" +
	"oBFQ7Il0MxIFKwvijI3Swin29th6UlvinQJ7zmRy9skDnAw+TgJxWxTH1BYJTnwfNsnQLTsZf8fUFgGB+WGOH0uHYwO/wPkCwDoYNp0lfj9Ajb/A+QHAEQAb" +
	"9bcMv8A6FAfCGBzzDj8f/9k="

const j2kFour = "" +
	"/0//UQAyAAAAAAAIAAAACAAAAAAAAAAAAAAACAAAAAgAAAAAAAAAAAAEBwEBBwEBBwEBBwEB/1IADAAAAAEAAQQEAAH/XAAHQEBISFD/kAAKAAAAAACtAAH/" +
	"k9+AiBILyS2QUy5ieYPvmySWX9ekz7RAEPZin76BOFhhXrzflDKhg8+0RBHn4kcyUMTIe9ikQDJUVp5/34CQI/nPdG6bT5cgiOFefpzFAoMPwfOEgfIEACIZ" +
	"ymgDf91fwfOEgfIEACIZymgDf91fwfOFgfIFgPkBACIZv9l/A3KmDn8kzcHzhoHyBoB8IoAh/1sRmCcDcb+Tq+UesmsA2//Z"

const j2kIndices = "" +
	"/0//UQApAAAAAAAIAAAACAAAAAAAAAAAAAAACAAAAAgAAAAAAAAAAAABBwEB/1IADAAAAAEAAAQEAAH/XAAEQED/kAAKAAAAAABIAAH/k9+BuBHpAXxm7Hzw" +
	"5rXK/aPBX2cvwZRc+cgHxEK/+pVblbJfZSq3K2S+w3aok2lSj/hQE+UZC+pdxx//2Q=="

// j2kIndicesHalved is the same plane with two levels of the wavelet transform.
const j2kIndicesHalved = "" +
	"/0//UQApAAAAAAAIAAAACAAAAAAAAAAAAAAACAAAAAgAAAAAAAAAAAABBwEB/1IADAAAAAEAAgQEAAH/XAAKQEBISFBISFD/ZAAlAAFDcmVhdGVkIGJ5IE9w" +
	"ZW5KUEVHIHZlcnNpb24gMi41LjD/kAAKAAAAAABCAAH/k8+0EAiCTz/AOhQDoUA+EMAEuQToCo+vwDo0A6NAPhIAGCHXLY41D0W5JL9vD92HbOVpJiv/2Q=="

// shapes is a drawing in whole numbers: ramps, a disc and a chequered plane.
func shapes(w, h int) RGB {
	p := RGB{Width: w, Height: h, Pix: make([]byte, 3*w*h)}
	for y := range h {
		for x := range w {
			c := [3]int{30 + 3*x, 220 - 4*y, 60 + 90*((x/6+y/5)&1)}
			if (x-w/2)*(x-w/2)+(y-h/2)*(y-h/2) < h*h/9 {
				c[0], c[1] = 220-3*y, 40
			}
			for i := range 3 {
				p.Pix[3*(y*w+x)+i] = byte(c[i])
			}
		}
	}
	return p
}

func TestJPEG2000OfEveryMake(t *testing.T) {
	for name, c := range map[string]struct {
		data      string
		tolerance int
	}{
		"5-3 with a colour transform":               {j2kLossless, 0},
		"tiles, precincts, layers, PCRL, SOP, EPH":  {j2kTiled, 0},
		"raw passes, all terminated, causal, CPRL":  {j2kTerminated, 0},
		"progression order changes, RLCP then CPRL": {j2kReordered, 0},
		"9-7": {j2kLossy, 6},
	} {
		want := shapes(26, 20)
		for kind, data := range map[string][]byte{
			"bare": fromBase64(t, c.data),
			"file": jp2Around(fromBase64(t, c.data), 26, 20, 3, jp2Box("colr", []byte{1, 0, 0, 0, 0, 0, j2kRGB})),
		} {
			got, err := DecodeRGB(data, "image/jp2")
			if err != nil {
				t.Errorf("%s, %s: %v", name, kind, err)
				continue
			}
			if got.Width != 26 || got.Height != 20 || worst(got.Pix, want.Pix) > c.tolerance {
				t.Errorf("%s, %s: %dx%d, %d levels off", name, kind, got.Width, got.Height, worst(got.Pix, want.Pix))
			}
			grey, err := DecodeGrey(data, "")
			luma := make([]byte, len(want.Pix)/3)
			lumaRow(luma, want.Pix)
			if err != nil || worst(grey.Pix, luma) > c.tolerance {
				t.Errorf("%s, %s: %d levels off in grey, %v", name, kind, worst(grey.Pix, luma), err)
			}
		}
	}
}

func jp2Box(kind string, body ...[]byte) []byte {
	all := slices.Concat(body...)
	b := binary.BigEndian.AppendUint32(nil, uint32(8+len(all)))
	return append(append(b, kind...), all...)
}

// jp2Around makes a file of a codestream and boxes for the header.
func jp2Around(codestream []byte, width, height uint32, components byte, boxes ...[]byte) []byte {
	sizes := binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, height), width)
	ihdr := jp2Box("ihdr", sizes, []byte{0, components, 7, 7, 0, 0})
	return slices.Concat(
		jp2Box("jP  ", []byte("\r\n\x87\n")), jp2Box("ftyp", []byte("jp2 \x00\x00\x00\x00jp2 ")),
		jp2Box("jp2h", append([][]byte{ihdr}, boxes...)...), jp2Box("jp2c", codestream))
}

func TestSixteenBitsOfJPEG2000(t *testing.T) {
	want := make([]byte, 24*20)
	for i := range want {
		want[i] = byte((900*(i%24) + 1500*(i/24)) * 255 / 65535)
	}
	got, err := DecodeGrey(fromBase64(t, j2kSixteen), "")
	if err != nil {
		t.Fatal(err)
	}
	near(t, "16 bits", got, 24, 20, want, 0)
}

// A plane of luma and two of chroma with every second sample, each a ramp.
func TestSubsampledChroma(t *testing.T) {
	bare := fromBase64(t, j2kSubsampled)
	for name, data := range map[string][]byte{
		"bare": bare,
		"file": jp2Around(bare, 16, 12, 3, jp2Box("colr", []byte{1, 0, 0, 0, 0, 0, j2kYCC})),
	} {
		got, err := DecodeRGB(data, "")
		if err != nil {
			t.Fatal(name, err)
		}
		for _, at := range [][2]int{{0, 0}, {15, 11}, {7, 4}} {
			x, y := at[0], at[1]
			line := []byte{byte(40 + 10*x + 3*y), byte(90 + 10*(x/2) + y/2), byte(170 - 3*(x/2) - 5*(y/2))}
			ycc := j2kPicture{area: j2kRect{0, 0, 1, 1}, j2kColour: j2kColour{space: j2kYCC}}
			for i, v := range line {
				ycc.planes = append(ycc.planes, j2kSamples{j2kRect{0, 0, 1, 1}, 1, 1, []byte{v}})
				ycc.channels = append(ycc.channels, j2kChannel{plane: i})
			}
			want := make([]byte, 3)
			ycc.rgbRow(0, want)
			wantRGB(t, got, x, y, [3]int{int(want[0]), int(want[1]), int(want[2])}, 0)
		}
		grey, err := DecodeGrey(data, "")
		if err != nil || grey.Pix[5*16+3] != 40+30+15 {
			t.Errorf("%s: luma is %d, %v", name, grey.Pix[5*16+3], err)
		}
	}
}

// Four planes of 8 by 8: plane i is min(255, 30i + 20x + 9y).
func TestOpacityAndOrderOfJPEG2000(t *testing.T) {
	plane := func(i, x, y int) int { return min(255, 30*i+20*x+9*y) }
	rgb := jp2Box("colr", []byte{1, 0, 0, 0, 0, 0, j2kRGB})
	define := func(roles ...byte) []byte {
		b := []byte{0, byte(len(roles) / 3)}
		for _, r := range roles {
			b = append(b, 0, r)
		}
		return jp2Box("cdef", b)
	}
	bare := fromBase64(t, j2kFour)
	f := func(name string, data []byte, want func(x, y int) [3]int) {
		t.Helper()
		got, err := DecodeRGB(data, "")
		if err != nil {
			t.Fatal(name, err)
		}
		for _, at := range [][2]int{{0, 0}, {3, 1}, {7, 7}} {
			wantRGB(t, got, at[0], at[1], want(at[0], at[1]), 1)
		}
	}
	f("no roles", jp2Around(bare, 8, 8, 4, rgb), func(x, y int) [3]int { return [3]int{plane(0, x, y), plane(1, x, y), plane(2, x, y)} })
	f("blue first", jp2Around(bare, 8, 8, 4, rgb, define(0, 0, 3, 1, 0, 2, 2, 0, 1)), func(x, y int) [3]int {
		return [3]int{plane(2, x, y), plane(1, x, y), plane(0, x, y)}
	})
	f("opacity", jp2Around(bare, 8, 8, 4, rgb, define(0, 0, 1, 1, 0, 2, 2, 0, 3, 3, 1, 0)), func(x, y int) (c [3]int) {
		for i := range c {
			a := plane(3, x, y)
			c[i] = (plane(i, x, y)*a + 255*(255-a)) / 255
		}
		return c
	})
	f("opacity first", jp2Around(bare, 8, 8, 4, rgb, define(0, 1, 0, 1, 0, 1, 2, 0, 2, 3, 0, 3)), func(x, y int) (c [3]int) {
		for i := range c {
			a := plane(0, x, y)
			c[i] = (plane(i+1, x, y)*a + 255*(255-a)) / 255
		}
		return c
	})
	f("weighted opacity", jp2Around(bare, 8, 8, 4, rgb, define(3, 2, 0)), func(x, y int) (c [3]int) {
		for i := range c {
			c[i] = min(255, plane(i, x, y)+255-plane(3, x, y))
		}
		return c
	})
}

// A plane of (x+y) mod 5, as grey and through a palette.
func TestPaletteOfJPEG2000(t *testing.T) {
	palette := jp2Box("pclr", []byte{0, 5, 3, 7, 7, 7, 10, 20, 30, 11, 21, 31, 12, 22, 32, 13, 23, 33, 14, 24, 34})
	mapping := jp2Box("cmap", []byte{0, 0, 1, 0, 0, 0, 1, 1, 0, 0, 1, 2})
	rgb := jp2Box("colr", []byte{1, 0, 0, 0, 0, 0, j2kRGB})
	bare := fromBase64(t, j2kIndices)
	got, err := DecodeRGB(jp2Around(bare, 8, 8, 1, rgb, palette, mapping), "")
	if err != nil {
		t.Fatal(err)
	}
	wantRGB(t, got, 3, 4, [3]int{12, 22, 32}, 0)
	wantRGB(t, got, 7, 7, [3]int{14, 24, 34}, 0)
	grey, err := DecodeGrey(bare, "")
	if err != nil || grey.Pix[8*4+2] != 1 {
		t.Errorf("%d, %v", grey.Pix[8*4+2], err)
	}
}

// j2kRamp is 100 + 7x + y in 8 by 8 pixels, which without a wavelet transform are their own coefficients, less 128.
const j2kRamp = "" +
	"/0//UQApAAAAAAAIAAAACAAAAAAAAAAAAAAACAAAAAgAAAAAAAAAAAABBwEB/1IADAAAAAEAAAQEAAH/XAAEQED/kAAKAAAAAAA4AAH/k8PnThFPhuFraMOV" +
	"5YODWwpeyMm3TauZRt7Gdt7ATzscsiZSpKTs1VG7r//Z"

// Chips may hold portraits with the face as a region of interest. Of the same data with as many bit-planes, three of them by a
// shift, coefficients from 8 on are the region's.
func TestRegionOfInterest(t *testing.T) {
	plain := fromBase64(t, j2kRamp)
	got, err := DecodeGrey(plain, "")
	if err != nil {
		t.Fatal(err)
	}
	const shift = 3
	qcd := bytes.Index(plain, []byte{0xFF, 0x5C})
	shifted := bytes.Clone(plain)
	shifted[qcd+5] -= shift << 3
	shifted = slices.Insert(shifted, qcd, j2kMarker(j2kRGN, 0, 0, shift)...)
	region, err := DecodeGrey(shifted, "")
	if err != nil {
		t.Fatal(err)
	}
	for i, v := range got.Pix {
		x, y := i%8, i/8
		c := 7*x + y - 28
		if int(v) != 128+c {
			t.Fatalf("pixel %d,%d is %d", x, y, v)
		}
		if c >= 8 || c <= -8 {
			c /= 8
		}
		if int(region.Pix[i]) != 128+c {
			t.Errorf("pixel %d,%d is %d with a region, want %d", x, y, region.Pix[i], 128+c)
		}
	}
}

// A smaller view is made of colours: between the indices of two of them there may be any other.
func TestSmallerViewsOfAPalette(t *testing.T) {
	palette := jp2Box("pclr", []byte{0, 5, 3, 7, 7, 7, 0, 0, 0, 255, 0, 0, 0, 255, 0, 0, 0, 255, 255, 255, 255})
	mapping := jp2Box("cmap", []byte{0, 0, 1, 0, 0, 0, 1, 1, 0, 0, 1, 2})
	photo, err := Open(jp2Around(fromBase64(t, j2kIndicesHalved), 8, 8, 1, palette, mapping), "")
	if err != nil {
		t.Fatal(err)
	}
	whole, err := photo.Whole(1)
	if err != nil {
		t.Fatal(err)
	}
	wantRGB(t, whole.RGB, 3, 4, [3]int{0, 255, 0}, 0)
	for _, scale := range []int{2, 4} {
		want := (&Photo{Width: 8, Height: 8, full: whole.RGB}).shrunk(image.Rect(0, 0, 8, 8), scale)
		if got, err := photo.Whole(scale); err != nil || !slices.Equal(got.Pix, want.Pix) {
			t.Errorf("at 1/%d: %v, want %v, %v", scale, got.Pix, want.Pix, err)
		}
	}
}

func TestResolutionOfJP2(t *testing.T) {
	for want, body := range map[int][]byte{
		500: {0x4C, 0xE5, 0, 1, 0x4C, 0xE5, 0, 1, 0, 0}, // 19685 a metre
		300: {0x2E, 0x23, 0, 1, 0x01, 0xD8, 0, 4, 0, 2}, // 11811, and 472/4 hundreds
		0:   {0x4C, 0xE5, 0, 1, 0x0C, 0xE5, 0, 1, 0, 0}, // unequal
		100: {0x27, 0x10, 0, 0, 0, 1, 0, 0, 0, 0},       // divided by nothing: not stated
	} {
		data := jp2Around(fromBase64(t, j2kIndices), 8, 8, 1, jp2Box("res ", jp2Box("resc", body)))
		got, err := DecodeGrey(data, "")
		if want == 100 {
			want = 0
		}
		if err != nil || got.DPI != want {
			t.Errorf("%d dpi, want %d, %v", got.DPI, want, err)
		}
	}
}

// Each resolution that is left out halves the sides, and shows what the whole picture does at half the size.
func TestReducedJPEG2000(t *testing.T) {
	for _, encoded := range []string{j2kLossless, j2kTiled, j2kLossy, j2kReordered} {
		data := fromBase64(t, encoded)
		want := ResizeRGB(shapes(26, 20), 13, 10)
		img, err := decodeJP2At(data, 1)
		if err != nil {
			t.Fatal(err)
		}
		_, _, pix := picture{Image: img}.upright(3, rgbRows(img))
		if len(pix) != len(want.Pix) {
			t.Fatalf("%v", img.Bounds())
		}
		sum := 0
		for i := range pix {
			sum += max(int(pix[i])-int(want.Pix[i]), int(want.Pix[i])-int(pix[i]))
		}
		if mean := float64(sum) / float64(len(pix)); mean > 12 {
			t.Errorf("%.1f levels off in the mean", mean)
		}
		if _, err := decodeJP2At(data, 9); codeOf(err) == "" {
			t.Errorf("nine resolutions left out of four: %v", err)
		}
	}
}

// Views of a photo in JPEG 2000 have the sizes and places of any other photo's, and show about the same.
func TestViewsOfJPEG2000(t *testing.T) {
	for _, encoded := range []string{j2kLossless, j2kTiled, j2kReordered} {
		photo, err := Open(fromBase64(t, encoded), "")
		if err != nil {
			t.Fatal(err)
		}
		same := &Photo{Width: 26, Height: 20, full: shapes(26, 20)}
		for _, scale := range []int{1, 2, 4, 8, 1} {
			for _, r := range []image.Rectangle{image.Rect(0, 0, 26, 20), image.Rect(5, 3, 19, 20), image.Rect(25, 19, 40, 40)} {
				got, err := photo.Region(r, scale)
				if err != nil {
					t.Fatal(err)
				}
				want := same.shrunk(within(r, 26, 20), scale)
				if got.Left != want.Left || got.Top != want.Top || got.Width != want.Width || got.Height != want.Height || got.Scale != scale {
					t.Fatalf("%v at 1/%d: %+v", r, scale, got)
				}
				sum := 0
				for i := range got.Pix {
					sum += max(int(got.Pix[i])-int(want.Pix[i]), int(want.Pix[i])-int(got.Pix[i]))
				}
				if mean := float64(sum) / float64(len(got.Pix)); scale == 1 && sum > 0 || scale == 2 && mean > 25 {
					t.Errorf("%v at 1/%d: %.1f levels off in the mean", r, scale, mean)
				}
			}
		}
	}
}
