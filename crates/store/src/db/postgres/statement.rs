//! One statement on one PostgreSQL connection; values in, rows out.

use super::failure::Failure;
use crate::db::batch::Done;
use crate::db::{Error, MAX_ROWS, Row, Value};
use bytes::{BufMut, BytesMut};
use deadpool_postgres::GenericClient;
use futures_util::TryStreamExt;
use std::error::Error as StdError;
use std::pin::pin;
use std::sync::Arc;
use tokio_postgres::types::{FromSql, IsNull, ToSql, Type};

type Boxed = Box<dyn StdError + Sync + Send>;

/// Runs `prepared` to its end.
pub(super) async fn run(
    client: &impl GenericClient,
    prepared: &tokio_postgres::Statement,
    label: &'static str,
    params: &[Value],
) -> Result<Done, Failure> {
    let failed = |e: tokio_postgres::Error| Failure::of(label, &e);
    if prepared.params().len() != params.len() {
        let what = format!("{} parameters wanted, {} given", prepared.params().len(), params.len());
        return Err(Error::Sql { label: label.to_owned(), what }.into());
    }
    let mut found = pin!(client.query_raw(prepared, params.iter()).await.map_err(failed)?);
    let columns: Arc<[String]> = prepared.columns().iter().map(|c| c.name().to_owned()).collect();
    let mut rows = Vec::new();
    while let Some(row) = found.try_next().await.map_err(failed)? {
        if rows.len() == MAX_ROWS {
            let what = format!("more than {MAX_ROWS} rows; add a LIMIT");
            return Err(Error::Sql { label: label.to_owned(), what }.into());
        }
        let values = (0..columns.len()).map(|i| row.try_get::<_, Value>(i));
        rows.push(Row::new(Arc::clone(&columns), values.collect::<Result<_, _>>().map_err(failed)?));
    }
    let affected = if columns.is_empty() { found.rows_affected().unwrap_or(0) } else { rows.len() as u64 };
    Ok(Done { rows, affected })
}

impl ToSql for Value {
    fn to_sql(&self, ty: &Type, out: &mut BytesMut) -> Result<IsNull, Boxed> {
        match (self, ty) {
            (Self::Null, _) => return Ok(IsNull::Yes),
            (Self::Int(number), &Type::INT8) => out.put_i64(*number),
            (Self::Int(number), &Type::INT4) => out.put_i32(i32::try_from(*number)?),
            (Self::Int(number), &Type::INT2) => out.put_i16(i16::try_from(*number)?),
            (Self::Text(text), &Type::TEXT | &Type::VARCHAR | &Type::NAME | &Type::UNKNOWN) => {
                out.put_slice(text.as_bytes());
            }
            (Self::Blob(bytes), &Type::BYTEA) => out.put_slice(bytes),
            (Self::Int(_) | Self::Text(_) | Self::Blob(_), _) => {
                return Err(format!("the statement takes this parameter for a {ty}; CAST it").into());
            }
        }
        Ok(IsNull::No)
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    fn to_sql_checked(&self, ty: &Type, out: &mut BytesMut) -> Result<IsNull, Boxed> {
        self.to_sql(ty, out)
    }
}

impl<'a> FromSql<'a> for Value {
    fn from_sql(ty: &Type, raw: &'a [u8]) -> Result<Self, Boxed> {
        Ok(match *ty {
            Type::INT8 => Self::Int(i64::from_sql(ty, raw)?),
            Type::INT4 => Self::Int(i32::from_sql(ty, raw)?.into()),
            Type::INT2 => Self::Int(i16::from_sql(ty, raw)?.into()),
            Type::BOOL => Self::Int(bool::from_sql(ty, raw)?.into()),
            Type::TEXT | Type::VARCHAR | Type::NAME => Self::Text(String::from_sql(ty, raw)?),
            Type::BYTEA => Self::Blob(raw.to_vec()),
            Type::VOID => Self::Null,
            _ => return Err(format!("a column is a {ty}; CAST it to BIGINT or TEXT").into()),
        })
    }

    fn from_sql_null(_: &Type) -> Result<Self, Boxed> {
        Ok(Self::Null)
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}
