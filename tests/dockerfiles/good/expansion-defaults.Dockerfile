FROM alpine
ENV set=value empty=
ENV a=${set:-d} b=${empty:-d} c=${unset:-d} d=${set-d} e=${empty-d} f=${unset-d}
ENV g=${set:+a} h=${empty:+a} i=${unset:+a} j=${set+a} k=${empty+a} l=${unset+a}
ENV m=${set:?e} n=${set?e} o=${empty?e}
ENV p=${unset:-${other:-${third-deep}}} q=${unset:-$set} r=${unset:-"a b"} s=${unset:-'$set'}
ENV t=${unset:-a\}b} u="${unset:-a b}" v=${unset:-} w=${unset-}
