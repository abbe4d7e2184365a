create table tags (note integer references notes, tag text not null);
