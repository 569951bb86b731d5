//! A chatbot's process at its shortest: opens an index, looks one text up, ends. Arguments: INDEX TEXT.

use identidex::Index;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(index), Some(text)) = (arguments.next(), arguments.next()) else {
        return Err("usage: first INDEX TEXT".into());
    };
    let answer = Index::open(index)?.find(text)?;
    println!("{}", answer.outcome.as_str());
    Ok(())
}
