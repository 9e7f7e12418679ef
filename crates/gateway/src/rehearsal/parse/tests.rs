use super::*;

fn check(text: &str, line: usize, part: &str) {
    match Scenario::parse(text, "s.toml") {
        Err(ScenarioError::Wrong { file, line: at, what }) => {
            assert_eq!((file.as_str(), at), ("s.toml", line), "{what}");
            assert!(what.contains(part), "{what}");
        }
        other => panic!("{text}: {other:?}"),
    }
}

#[test]
fn a_whole_scenario_is_read() {
    let text = "[[script]]\nname = 'fix'\nwhen = { contains = ['a', 'b'], model = 'm' }\n[[script.turn]]\n\
        text = 'hi'\ndelay = '2s'\nchunk_delay = '5ms'\nusage = { input = 9, cached = 3, output = 2 }\n\
        [[script.turn.call]]\nrun = 'ls'\n[[script.turn.call]]\ntool = 't'\narguments = { x = [1, 'y'] }\n\
        [[script.turn]]\nerror = { status = 429, code = 'slow', retry_after = 1 }\nrepeat = true\n";
    let scenario = Scenario::parse(text, "s.toml").unwrap();
    let script = &scenario.scripts[0];
    assert_eq!((script.turns.len(), script.turns[0].delay), (2, Millis(2000)));
    assert_eq!(script.turn(7), Some(&script.turns[1]));
    let Play::Say { acts, .. } = &script.turns[0].play else { panic!("says") };
    assert_eq!(acts[0], Act::Run("ls".into()));
}

#[test]
fn what_is_wrong_is_told_with_its_line_and_a_mend() {
    check("", 1, "add [[script]]");
    check("[[script]]\nname = 'a'\n", 1, "no turn");
    check("[[script]]\nname = 'a'\n\n[[script.turn]]\ntxt = 'x'\n", 5, "unknown field `txt`");
    check("[[script]]\nname = 'A b'\n", 2, "rename");
    check("[[script]]\nname = 'a'\n[[script.turn]]\ndelay = '1 day'\ntext = ''\n", 4, "like \"200ms\"");
    check("[[script]]\nname = 'a'\n[[script.turn]]\nrepeat = true\n", 3, "does nothing");
    let two = "[[script]]\nname = 'a'\n[[script.turn]]\ntext = 'x'\n";
    check(&format!("{two}[[script.turn.call]]\nrun = 'a'\npatch = 'b'\n"), 5, "exactly one");
    check(&format!("{two}repeat = true\n[[script.turn]]\ntext = 'y'\n"), 3, "last turn");
    check(&format!("{two}{two}"), 6, "twice");
    check("[[script]\n", 1, "");
    check(&format!("{two}error = {{ status = 500, code = 'x' }}"), 3, "either");
    check("[[script]]\nname = 'a'\n[[script.turn]]\nerror = { status = 200, code = 'x' }", 4, "400 and 599");
}

proptest::proptest! {
    #[test]
    fn the_parser_never_panics(text in "(\\[\\[script\\]\\]\n|name = 'a'\n|\\[\\[script.turn\\]\\]\n|text = 1|delay = '\\PC*'|\\PC|\n){0,20}") {
        let _ = Scenario::parse(&text, "p.toml");
    }
}
