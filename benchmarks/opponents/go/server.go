// The same single service in Go: net/http, and pgx with its prepared statements and a pool of POOL_SIZE connections.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/jackc/pgtype"
	"github.com/jackc/pgx/v4"
	"github.com/jackc/pgx/v4/pgxpool"
)

const columns = "id, title, description, is_completed, created_at, user_id"

const (
	listTasks    = "select " + columns + " from tasks where user_id = $1 order by created_at desc, id desc"
	findTask     = "select " + columns + " from tasks where id = $1 and user_id = $2"
	createTask   = "insert into tasks (" + columns + ") values (gen_random_uuid(), $1, $2, $3, clock_timestamp(), $4) returning " + columns
	replaceTask  = "update tasks set title = $1, description = $2, is_completed = $3 where id = $4 and user_id = $5 returning " + columns
	deleteTask   = "delete from tasks where id = $1 and user_id = $2"
	completeTask = "update tasks set is_completed = coalesce($1, not is_completed) where id = $2 and user_id = $3 returning " + columns
)

type task struct {
	ID          string    `json:"id"`
	Title       string    `json:"title"`
	Description *string   `json:"description"`
	IsCompleted bool      `json:"is_completed"`
	CreatedAt   time.Time `json:"created_at"`
	UserID      string    `json:"user_id"`
}

type fields struct {
	Title       string  `json:"title"`
	Description *string `json:"description"`
	IsCompleted bool    `json:"is_completed"`
}

type completion struct {
	IsCompleted *bool `json:"is_completed"`
}

// service answers requests from the pool's database.
type service struct{ pool *pgxpool.Pool }

func main() {
	config, err := pgxpool.ParseConfig(os.Getenv("DATABASE_URL"))
	if err != nil {
		log.Fatal(err)
	}
	size, err := strconv.Atoi(os.Getenv("POOL_SIZE"))
	if err != nil {
		log.Fatal(err)
	}
	config.MaxConns = int32(size)
	pool, err := pgxpool.ConnectConfig(context.Background(), config)
	if err != nil {
		log.Fatal(err)
	}
	log.Fatal(http.ListenAndServe("127.0.0.1:"+os.Getenv("PORT"), service{pool}))
}

// ServeHTTP finds the endpoint: /api/{user_id}/tasks, the same with /{task_id}, and that with /complete.
func (s service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	parts := strings.Split(r.URL.Path, "/")
	if len(parts) < 4 || len(parts) > 6 || parts[1] != "api" || parts[3] != "tasks" {
		w.WriteHeader(http.StatusNotFound)
		return
	}
	user, err := parseID(parts[2])
	if err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	if len(parts) == 4 {
		s.serveTasks(w, r, user)
		return
	}
	id, err := parseID(parts[4])
	if err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	switch {
	case len(parts) == 5:
		s.serveTask(w, r, user, id)
	case parts[5] == "complete" && r.Method == http.MethodPatch:
		s.complete(w, r, user, id)
	default:
		w.WriteHeader(http.StatusNotFound)
	}
}

func (s service) serveTasks(w http.ResponseWriter, r *http.Request, user pgtype.UUID) {
	switch r.Method {
	case http.MethodGet:
		s.list(w, r, user)
	case http.MethodPost:
		s.create(w, r, user)
	default:
		w.WriteHeader(http.StatusMethodNotAllowed)
	}
}

func (s service) serveTask(w http.ResponseWriter, r *http.Request, user, id pgtype.UUID) {
	switch r.Method {
	case http.MethodGet:
		s.answerOne(w, http.StatusOK, s.pool.QueryRow(r.Context(), findTask, id, user))
	case http.MethodPut:
		if body, ok := readFields(w, r); ok {
			s.answerOne(w, http.StatusOK, s.pool.QueryRow(
				r.Context(), replaceTask, body.Title, body.Description, body.IsCompleted, id, user))
		}
	case http.MethodDelete:
		s.delete(w, r, user, id)
	default:
		w.WriteHeader(http.StatusMethodNotAllowed)
	}
}

func (s service) list(w http.ResponseWriter, r *http.Request, user pgtype.UUID) {
	rows, err := s.pool.Query(r.Context(), listTasks, user)
	if err != nil {
		fail(w, err)
		return
	}
	defer rows.Close()
	tasks := []task{}
	for rows.Next() {
		t, err := scan(rows)
		if err != nil {
			fail(w, err)
			return
		}
		tasks = append(tasks, t)
	}
	if err := rows.Err(); err != nil {
		fail(w, err)
		return
	}
	answer(w, http.StatusOK, tasks)
}

func (s service) create(w http.ResponseWriter, r *http.Request, user pgtype.UUID) {
	body, ok := readFields(w, r)
	if !ok {
		return
	}
	t, err := scan(s.pool.QueryRow(r.Context(), createTask, body.Title, body.Description, body.IsCompleted, user))
	if err != nil {
		fail(w, err)
		return
	}
	w.Header().Set("Location", "/api/"+t.UserID+"/tasks/"+t.ID)
	answer(w, http.StatusCreated, t)
}

func (s service) delete(w http.ResponseWriter, r *http.Request, user, id pgtype.UUID) {
	done, err := s.pool.Exec(r.Context(), deleteTask, id, user)
	switch {
	case err != nil:
		fail(w, err)
	case done.RowsAffected() == 0:
		w.WriteHeader(http.StatusNotFound)
	default:
		w.WriteHeader(http.StatusNoContent)
	}
}

// complete sets a task's completion, or flips it when the body has none.
func (s service) complete(w http.ResponseWriter, r *http.Request, user, id pgtype.UUID) {
	var body completion
	if err := decode(r, &body); err != nil && !errors.Is(err, io.EOF) {
		w.WriteHeader(http.StatusUnprocessableEntity)
		return
	}
	s.answerOne(w, http.StatusOK, s.pool.QueryRow(r.Context(), completeTask, body.IsCompleted, id, user))
}

func (s service) answerOne(w http.ResponseWriter, status int, row pgx.Row) {
	t, err := scan(row)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		w.WriteHeader(http.StatusNotFound)
	case err != nil:
		fail(w, err)
	default:
		answer(w, status, t)
	}
}

func parseID(text string) (pgtype.UUID, error) {
	var id pgtype.UUID
	err := id.Set(text)
	return id, err
}

func scan(row pgx.Row) (task, error) {
	var t task
	err := row.Scan(&t.ID, &t.Title, &t.Description, &t.IsCompleted, &t.CreatedAt, &t.UserID)
	t.CreatedAt = t.CreatedAt.UTC()
	return t, err
}

func decode(r *http.Request, body any) error {
	decoder := json.NewDecoder(r.Body)
	decoder.DisallowUnknownFields()
	return decoder.Decode(body)
}

// readFields answers 422 itself when the body breaks the rules.
func readFields(w http.ResponseWriter, r *http.Request) (fields, bool) {
	var body fields
	err := decode(r, &body)
	title := utf8.RuneCountInString(body.Title)
	tooLong := body.Description != nil && utf8.RuneCountInString(*body.Description) > 2000
	if err != nil || title < 1 || title > 255 || tooLong {
		w.WriteHeader(http.StatusUnprocessableEntity)
		return body, false
	}
	return body, true
}

func answer(w http.ResponseWriter, status int, body any) {
	text, err := json.Marshal(body)
	if err != nil {
		fail(w, err)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(text)
}

func fail(w http.ResponseWriter, err error) {
	log.Print(err)
	w.WriteHeader(http.StatusInternalServerError)
}
