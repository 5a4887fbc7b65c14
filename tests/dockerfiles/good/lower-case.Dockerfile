from alpine as base
env a=1
copy x /x
cmd ["a"]
