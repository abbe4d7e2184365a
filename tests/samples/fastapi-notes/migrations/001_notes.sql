create table notes (number serial primary key, text varchar(500) not null);
