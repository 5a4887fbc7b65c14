FROM scratch
LABEL one=1
LABEL "com.example.two"="a b" com.example.three='c d'
LABEL four five six
LABEL multi="line one \
line two"
LABEL dollar="\$HOME" empty=""
