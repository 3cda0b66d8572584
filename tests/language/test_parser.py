"""What programs mean: trees as s-expressions, places, lines, normalisation, size."""

from __future__ import annotations

import subprocess
import sys
import tracemalloc

import pytest

from gradcli.errors import ParseError, Span
from gradcli.language.nodes import Definition, Loop, Nodes, Program, Result, Stage, Statement
from gradcli.language.parser import parse


def show(nodes: Nodes, root: int) -> str:
    """The subtree under root as an s-expression; without recursion, since trees may be deep."""
    shown: list[str] = []
    for index in range(nodes.firsts[root], root + 1):
        node = nodes[index]
        count = len(node.operands)
        parts = shown[len(shown) - count :]
        del shown[len(shown) - count :]
        names = nodes.keywords.get(index, ())
        parts[count - len(names) :] = [
            f"{name}={part}" for name, part in zip(names, parts[count - len(names) :], strict=True)
        ]
        if node.kind in ("number", "name"):
            shown.append(str(node.value))
            continue
        head = {"array": "array", "index": "index", "slice": f"slice-{node.value}".rstrip("-")}.get(node.kind)
        shown.append(f"({' '.join([head or str(node.value), *parts])})")
    (text,) = shown
    return text


def statement_text(program: Program, statement: Statement) -> str:
    nodes = program.nodes
    if isinstance(statement, Result):
        return show(nodes, statement.root)
    if isinstance(statement, Stage):
        return f"{statement.name} := {show(nodes, statement.root)}"
    if isinstance(statement, Definition):
        parameters = " ".join(parameter.name for parameter in statement.parameters)
        own = "".join(f" ' {show(nodes, root)}" for root in statement.gradients or ())
        return f"({statement.name} {parameters}) := {show(nodes, statement.root)}{own}"
    body = "; ".join(statement_text(program, inner) for inner in statement.body)
    return f"for {statement.name} {show(nodes, statement.start)} {show(nodes, statement.stop)} {{{body}}}"


def tree(text: str) -> str:
    program = parse(text)
    return "; ".join(statement_text(program, statement) for statement in program.statements)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("(x+y)*z", "(mul (add x y) z)"),
        ("x+y*z", "(add x (mul y z))"),
        ("a-b+c", "(add (sub a b) c)"),
        ("a/b*c", "(mul (div a b) c)"),
        ("a/b/c", "(div (div a b) c)"),
        ("A@B*c", "(mul (matmul A B) c)"),
        ("-x^2", "(neg (pow x 2))"),
        ("(-x)^2", "(pow (neg x) 2)"),
        ("2^3^2", "(pow 2 (pow 3 2))"),
        ("2**-1", "(pow 2 (neg 1))"),
        ("-x**-y**2", "(neg (pow x (neg (pow y 2))))"),
        ("x/-y^2", "(div x (neg (pow y 2)))"),
        ("x*-y", "(mul x (neg y))"),
        ("x--y", "(sub x (neg y))"),
        ("---x", "(neg (neg (neg x)))"),
        ("+x", "x"),
        ("x/+2", "(div x 2)"),
        ("((((x))))", "x"),
        ("2x", "(mul 2 x)"),
        ("3(x+1)", "(mul 3 (add x 1))"),
        ("2 sin(x)", "(mul 2 (sin x))"),
        ("2x^2", "(mul 2 (pow x 2))"),
        ("-2x^2", "(neg (mul 2 (pow x 2)))"),
        ("2x*y", "(mul (mul 2 x) y)"),
        ("2x/3", "(div (mul 2 x) 3)"),
        ("2√x", "(mul 2 (sqrt x))"),
        ("2√3", "(mul 2 (sqrt 3))"),
        ("2x'[0]", "(mul 2 (index (transpose x) 0))"),
        ("2exp(x)", "(mul 2 (exp x))"),
        ("2e3x", "(mul 2e3 x)"),
        ("5.x", "(mul 5. x)"),
        ("√x", "(sqrt x)"),
        ("√(x+1)/2", "(div (sqrt (add x 1)) 2)"),
        ("√sin(x)", "(sqrt (sin x))"),
        ("√x*y", "(mul (sqrt x) y)"),
        ("√[x]", "(sqrt (array x))"),
        ("x²", "(pow x 2)"),
        ("x²³", "(pow x 23)"),
        ("x⁻¹", "(pow x -1)"),
        ("x⁺²", "(pow x 2)"),
        ("-x²", "(neg (pow x 2))"),
        ("2x²", "(mul 2 (pow x 2))"),
        ("2^x²", "(pow 2 (pow x 2))"),
        ("(x+1)²", "(pow (add x 1) 2)"),
        ("x²^3", "(pow (pow x 2) 3)"),
        ("sin(x)²", "(pow (sin x) 2)"),
        ("x × y · z ⋅ w ÷ v − u", "(sub (div (mul (mul (mul x y) z) w) v) u)"),
        ("x ≤ y", "(less_equal x y)"),
        ("x<y", "(less x y)"),
        ("x <= y", "(less_equal x y)"),
        ("x > y", "(greater x y)"),
        ("x >= y", "(greater_equal x y)"),
        ("x ≥ y", "(greater_equal x y)"),
        ("x == y", "(equal x y)"),
        ("x != y", "(not_equal x y)"),
        ("x≠y", "(not_equal x y)"),
        ("0 <= x and x < 1 or not y == 2", "(or (and (less_equal 0 x) (less x 1)) (not (equal y 2)))"),
        ("not not x", "(not (not x))"),
        ("a or b and c", "(or a (and b c))"),
        ("f()", "(f)"),
        ("max(x, y, z)", "(max x y z)"),
        ("x(y+1)", "(x (add y 1))"),
        ("leaky_relu(x, slope=0.1)", "(leaky_relu x slope=0.1)"),
        ("f(a=1, b=2+x)", "(f a=1 b=(add 2 x))"),
        ("f(g(x, a=1), b=(g(y, b=2)))", "(f (g x a=1) b=(g y b=2))"),
        ("f(x == 1)", "(f (equal x 1))"),
        ("[1, x+y][0]", "(index (array 1 (add x y)) 0)"),
        ("[[1,2],[3,4]]'", "(transpose (array (array 1 2) (array 3 4)))"),
        ("W[:,0]", "(index W (slice) 0)"),
        ("W[1:,:-1]", "(index W (slice-from 1) (slice-to (neg 1)))"),
        ("x[a+1:(b)]", "(index x (slice-both (add a 1) b))"),
        ("f(x)[0]'", "(transpose (index (f x) 0))"),
        ("α₁ + x_1 + x₁", "(add (add α₁ x_1) x₁)"),
        ("σ(x) + σ", "(add (σ x) σ)"),
        ("1_000 + .5 + 5. + 1e-3 + 1E+05 + 007", "(add (add (add (add (add 1_000 .5) 5.) 1e-3) 1E+05) 007)"),
        ("information + nothing + orient", "(add (add information nothing) orient)"),
        ("with + grad", "(add with grad)"),
        ("q = x + y; q*z", "q := (add x y); (mul q z)"),
        ("f(a, b) = a*b; f(x, y)", "(f a b) := (mul a b); (f x y)"),
        ("f() = 3; f()", "(f ) := 3; (f)"),
        ("f(a, b) = a*b with grad (b, a); 1", "(f a b) := (mul a b) ' b ' a; 1"),
        ("f( # c)\n a,\n b) = a; 1", "(f a b) := a; 1"),
        ("for t in 0..3 { h = x[t] + u*h }; h", "for t 0 3 {h := (add (index x t) (mul u h))}; h"),
        ("for t in 0..3 { for s in 1..t+1 { h = t; g = s } }; h", "for t 0 3 {for s 1 (add t 1) {h := t; g := s}}; h"),
        ("for t in 0..3 {}; 1", "for t 0 3 {}; 1"),
        ("for t in n..2m {h=1}; h", "for t n (mul 2 m) {h := 1}; h"),
    ],
)
def test_trees(text, expected):
    assert tree(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("q = x + \n y\n q", "q := (add x y); q"),
        ("q = x\n + y\nq", "q := (add x y); q"),
        ("q = x;\n-q", "q := x; (neg q)"),
        ("q = (x\n\n + # why\n y)\n\n# done\nq*z\n", "q := (add x y); (mul q z)"),
        ("\n\n# first\nx # last", "x"),
        ("q = [1,\n 2,\n\n 3\n]\nq", "q := (array 1 2 3); q"),
        ("q = max(x\n# c\n, y\n)\nq", "q := (max x y); q"),
        ("q = a\nand b\nq", "q := (and a b); q"),
        ("q = a\nandb = 2\nq", "q := a; andb := 2; q"),
        ("q = a\nor_ = 2\nq", "q := a; or_ := 2; q"),
        ("q = a\n  # + 1\n\n  ²\nq", "q := (pow a 2); q"),
        ("q\n= 1\nq", "q := 1; q"),
        ("f(a) = a\n with grad (1)\nf(x)", "(f a) := a ' 1; (f x)"),
        ("for t\n in 0\n..3\n{\n\n h = 1\n\n g = 2;\n }\nh", "for t 0 3 {h := 1; g := 2}; h"),
        (";;q = 1;;\n;q;;", "q := 1; q"),
        ("q = not\n x\nq", "q := (not x); q"),
        ("q = x'\nq", "q := (transpose x); q"),
        ("q = x\t+\xa0y\f\nq", "q := (add x y); q"),
        ("q = 1#c;x\nq", "q := 1; q"),
    ],
)
def test_lines(text, expected):
    assert tree(text) == expected


def test_a_line_that_begins_with_an_operator_goes_on():
    with pytest.raises(ParseError, match="no output"):
        parse("q = x\n-q")


@pytest.mark.parametrize(
    ("text", "spans"),
    [
        ("(x+y)*z", ["x 1 2", "y 3 4", "x+y 1 4", "z 6 7", "(x+y)*z 0 7"]),
        ("((x))", ["x 2 3"]),
        ("- ( x )", ["x 4 5", "- ( x ) 0 7"]),
        ("((x)+((y)))", ["x 2 3", "y 7 8", "(x)+((y)) 1 10"]),
        ("f((x), a = (y))", ["x 3 4", "y 12 13", "f((x), a = (y)) 0 15"]),
        ("(f(x))[(0)]", ["x 3 4", "f(x) 1 5", "0 8 9", "(f(x))[(0)] 0 11"]),
        ("(x)²", ["x 1 2", "² 3 4", "(x)² 0 4"]),
        ("2 (x)", ["2 0 1", "x 3 4", "2 (x) 0 5"]),
        ("√ (x)", ["x 3 4", "√ (x) 0 5"]),
        ("(x) '", ["x 1 2", "(x) ' 0 5"]),
        ("not (x) == y", ["x 5 6", "y 11 12", "(x) == y 4 12", "not (x) == y 0 12"]),
        (
            "x[ : , (a): , :(b)]",
            ["x 0 1", ": 3 4", "a 8 9", "(a): 7 11", "b 16 17", ":(b) 14 18", "x[ : , (a): , :(b)] 0 19"],
        ),
        ("x[(a) : (b)]", ["x 0 1", "a 3 4", "b 9 10", "(a) : (b) 2 11", "x[(a) : (b)] 0 12"]),
        ("[ (x) ]", ["x 3 4", "[ (x) ] 0 7"]),
    ],
)
def test_spans(text, spans):
    nodes = parse(text).nodes
    found = [f"{text[slice(*nodes.span(i))]} {nodes.starts[i]} {nodes.ends[i]}" for i in range(len(nodes))]
    assert found == spans


def test_spans_of_statements():
    text = "q = (x) ; f( a, b) = a*(b) with grad (b, (a)) ; for t in 0..(3) { h = t } ; (q)"
    program = parse(text)
    stage, definition, loop, result = program.statements
    assert isinstance(stage, Stage)
    assert isinstance(definition, Definition)
    assert isinstance(loop, Loop)
    assert [text[slice(*s.span)] for s in program.statements] == [part.strip() for part in text.split(";")]
    assert (stage.name_span, definition.name_span, loop.name_span) == ((0, 1), (10, 11), (52, 53))
    assert [(p.name, text[slice(*p.span)]) for p in definition.parameters] == [("a", "a"), ("b", "b")]
    assert result.span == (76, 79)
    assert program.nodes.span(result.root) == (77, 78)


def test_names_of_arguments_and_functions_have_places():
    text = "leaky_relu(x, slope = √2)"
    program = parse(text)
    call = len(program.nodes) - 1
    assert program.nodes.keyword_spans[call] == (Span(14, 19),)
    assert program.name_span(call) == (0, 10)
    assert program.name_span(call - 1) == (22, 23)


def test_the_columns_are_postfix():
    program = parse("2x + max(a, [b], c[1:])^-3")
    root = program.statements[-1].root
    nodes = program.nodes
    assert list(program.postfix(root)) == list(range(len(nodes)))
    for index in range(len(nodes)):
        operands = nodes[index].operands
        assert nodes.firsts[index] == (nodes.firsts[operands[0]] if operands else index)
        assert not operands or operands[-1] == index - 1


def test_equal_names_share_one_string():
    program = parse("alpha + alpha*alpha(alpha)")
    names = [value for value in program.nodes.values if value == "alpha"]
    assert len({id(name) for name in names}) == 1


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("\ufeffx", "x"),
        ("q = 1\r\nq\rx", "q = 1\nq\nx"),
        ("µ + ∆ + \u2126", "μ + Δ + Ω"),
        ("x =\u0338 y", "x ≠ y"),
        ("x² + x₁", "x² + x₁"),
    ],
)
def test_normalisation(text, normal):
    try:
        found = parse(text).text
    except ParseError as error:
        found = error.source
    assert found == normal


def test_signs_of_letters_are_the_letters():
    assert tree("µ + μ + ∆ + \u2126 + Ω") == "(add (add (add (add μ μ) Δ) Ω) Ω)"


def test_deep_and_long_programs_need_no_recursion():
    count = 100_000
    assert len(parse("(" * count + "x" + ")" * count).nodes) == 1
    assert len(parse("x-" * count + "x").nodes) == 2 * count + 1
    assert len(parse("-" * count + "x").nodes) == count + 1
    assert len(parse("f(" * count + "x" + ")" * count).nodes) == count + 1
    assert len(parse("2^" * count + "x").nodes) == 2 * count + 1
    assert len(parse("[" * count + "x" + "]" * count).nodes) == count + 1
    assert len(parse("[" + "x," * count + "x]").nodes) == count + 2
    assert len(parse("q = 1;" * count + "x").statements) == count + 1
    parse("for t in 0..1 {" * 10_000 + "}" * 10_000 + ";x")


@pytest.mark.parametrize("run", ["\n", " \n", "\n#", "# c\n", "\n\t", " ", "\r\n"])
def test_runs_of_blank_lines_take_linear_time(run):
    """Quadratic time would be minutes here."""
    blank = run * 200_000
    assert tree(f"q = (x +{blank}\n y){blank}\n- z{blank}\nq") == "q := (sub (add x y) z); q"


def test_a_number_of_many_digits():
    digits = "1_0" * 50_000
    assert parse(f"{digits}.{digits}e{digits}").nodes.values == [f"{digits}.{digits}e{digits}"]


def test_memory_per_term():
    text = "+".join(["x"] * 100_000)
    tracemalloc.start()
    program = parse(text)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(program.nodes) == 199_999
    assert peak < 150 * 100_000


def test_parsing_imports_neither_lark_nor_what_only_errors_need():
    code = (
        "import sys; from gradcli.language.parser import parse; parse('sin(x)^2 + 1');"
        "print(*sorted({'lark', 'dataclasses', 'inspect', 'unicodedata', 'gradcli.language.syntax_errors',"
        "'gradcli.language.grammar'} & set(sys.modules)))"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == ""
